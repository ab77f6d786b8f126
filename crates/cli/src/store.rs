//! How the command reaches object stores and servers.

use clap::Args;
use swath::{Io, StoreOptions};

/// The options of all commands that open or write files.
#[derive(Debug, Args)]
#[command(next_help_heading = "Object stores (s3://BUCKET/KEY, gs://…, az://…)")]
pub(crate) struct StoreArgs {
    /// A setting by its name, such as aws_region=eu-central-1. Without it, environment variables count: AWS_REGION,
    /// AWS_ACCESS_KEY_ID, GOOGLE_SERVICE_ACCOUNT, AZURE_STORAGE_ACCOUNT_NAME, …
    #[arg(long = "store", value_name = "NAME=VALUE", value_parser = parse_setting)]
    settings: Vec<(String, String)>,
    /// Where the store is, if it is not that of Amazon, Google or Microsoft.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Send requests without credentials, as for public buckets.
    #[arg(long)]
    anonymous: bool,
}

fn parse_setting(text: &str) -> Result<(String, String), String> {
    let setting = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) = setting.ok_or("expected NAME=VALUE, such as aws_region=eu-central-1")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl StoreArgs {
    /// What files are opened and written through.
    pub(crate) fn io(&self) -> swath::Result<Io> {
        let mut options = StoreOptions::new().anonymous(self.anonymous);
        for (name, value) in &self.settings {
            options = options.set(name, value);
        }
        if let Some(url) = &self.endpoint {
            options = options.endpoint(url);
        }
        Ok(Io::shared()?.with_store(options))
    }
}
