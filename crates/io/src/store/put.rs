//! A file sent to a server whole, by PUT: read as it is sent, so that it may be larger than memory.

use std::fs::File;
use std::io::{Seek, SeekFrom};

use swath_core::error::{Error, ErrorKind, Result};
use url::Url;

use super::client::{cannot_set_up, retry_after};
use super::failure::{Failure, transport};
use super::io::{Io, IoOptions};
use super::{options, retry};

/// Bytes that a server has [`IoOptions::upload_timeout`] for.
const BYTES_PER_TIMEOUT: u64 = 8 << 20;

/// Sends a file to a URL, which is repeated where a repetition may help.
///
/// # Errors
/// `Unavailable` or `NotFound`, with what the server answered.
pub(crate) fn put_file(io: &Io, url: &Url, file: &File) -> Result<()> {
    let (options, signer) = (io.options().clone(), io.store().url_signer().cloned());
    let client = client(&options)?;
    let length = file.metadata().map_err(|cause| unreadable(&cause))?.len();
    let file = file.try_clone().map_err(|cause| unreadable(&cause))?;
    let url = url.clone();
    io.wait(async move {
        let put = async || {
            let url = match &signer {
                Some(signer) => options::sign(signer, url.as_str()).await?,
                None => url.to_string(),
            };
            let rewound = file.try_clone().and_then(|mut file| file.seek(SeekFrom::Start(0)).map(|_| file));
            let file =
                rewound.map_err(|cause| Failure::lasting(ErrorKind::Unavailable, unreadable(&cause).to_string()))?;
            send(&client, &url, file, length, &options).await
        };
        let mut attempt = 1;
        loop {
            let Err(failure) = put().await else { return Ok(()) };
            if !failure.is_passing || attempt >= options.attempts.max(1) {
                return Err(failure.into_error("the upload failed", attempt));
            }
            tokio::time::sleep(retry::pause_after(&failure, options.backoff, attempt)).await;
            attempt += 1;
        }
    })
}

fn client(options: &IoOptions) -> Result<reqwest::Client> {
    let client = reqwest::Client::builder().connect_timeout(options.connect_timeout).build();
    client.map_err(|cause| cannot_set_up(cause.into()))
}

async fn send(
    client: &reqwest::Client,
    url: &str,
    content: File,
    length: u64,
    options: &IoOptions,
) -> Result<(), Failure> {
    let timeout =
        options.upload_timeout.saturating_mul(u32::try_from(length / BYTES_PER_TIMEOUT + 1).unwrap_or(u32::MAX));
    let request = client
        .put(url)
        .timeout(timeout)
        .header("content-length", length)
        .body(reqwest::Body::from(tokio::fs::File::from_std(content)));
    let answer = request
        .send()
        .await
        .map_err(|cause| Failure::passing(ErrorKind::Unavailable, transport(&cause.without_url())))?;
    match u32::from(answer.status().as_u16()) {
        200..300 => Ok(()),
        status => Err(Failure::of_status(status).asked_to_wait(retry_after(answer.headers()))),
    }
}

fn unreadable(cause: &std::io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, format!("the temporary file cannot be read ({cause})"))
}
