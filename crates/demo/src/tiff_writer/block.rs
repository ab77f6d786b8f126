//! From pixels to the bytes of one block: gather, predict, compress.

use libdeflater::{CompressionLvl, Compressor};

use super::level::{Level, Window};
use super::{ByteOrder, Compression, Predictor, TiffSpec};

/// Encodes blocks one after another, reusing its buffers. One per thread.
pub(super) struct BlockEncoder<'a> {
    spec: &'a TiffSpec,
    compressor: Option<Compressor>,
    gathered: Vec<u8>,
    stored: Vec<u8>,
}

impl<'a> BlockEncoder<'a> {
    pub(super) fn new(spec: &'a TiffSpec) -> Self {
        let compressor = match spec.compression {
            Compression::None => None,
            Compression::Deflate(level) => {
                Some(Compressor::new(CompressionLvl::new(level.into()).expect("the spec was checked")))
            }
        };
        Self { spec, compressor, gathered: Vec::new(), stored: Vec::new() }
    }

    pub(super) fn encode(&mut self, level: &Level, pixels: &[u8], block: usize) -> Vec<u8> {
        let window = level.window(block);
        self.gather(level, pixels, &window);
        self.predict(&window);
        let Some(compressor) = &mut self.compressor else {
            return self.stored.clone();
        };
        let mut bytes = vec![0; compressor.zlib_compress_bound(self.stored.len())];
        let length = compressor.zlib_compress(&self.stored, &mut bytes).expect("the bound leaves room enough");
        bytes.truncate(length);
        bytes
    }

    /// Copies the window out of the planes: interleaved, native-endian, padded with zeros.
    fn gather(&mut self, level: &Level, pixels: &[u8], window: &Window) {
        let size = level.dtype.size();
        let row_bytes = window.stored_width * window.bands * size;
        self.gathered.clear();
        self.gathered.resize(window.stored_height * row_bytes, 0);
        for (row, out) in self.gathered.chunks_exact_mut(row_bytes).take(window.height).enumerate() {
            for band in 0..window.bands {
                let plane = (window.first_band + band) * level.plane_bytes();
                let start = plane + ((window.y + row) * level.width as usize + window.x) * size;
                let source = &pixels[start..start + window.width * size];
                match size {
                    1 => interleave::<1>(source, out, band, window.bands),
                    2 => interleave::<2>(source, out, band, window.bands),
                    4 => interleave::<4>(source, out, band, window.bands),
                    _ => interleave::<8>(source, out, band, window.bands),
                }
            }
        }
    }

    fn predict(&mut self, window: &Window) {
        self.stored.resize(self.gathered.len(), 0);
        match self.spec.dtype.size() {
            1 => self.predict_words::<u8>(window),
            2 => self.predict_words::<u16>(window),
            4 => self.predict_words::<u32>(window),
            _ => self.predict_words::<u64>(window),
        }
    }

    fn predict_words<W: Word>(&mut self, window: &Window) {
        let row_bytes = window.stored_width * window.bands * size_of::<W>();
        for (row, out) in self.gathered.chunks_exact(row_bytes).zip(self.stored.chunks_exact_mut(row_bytes)) {
            match self.spec.predictor {
                Predictor::None => difference::<W>(row, out, row_bytes / size_of::<W>(), self.spec.byte_order),
                Predictor::Horizontal => difference::<W>(row, out, window.bands, self.spec.byte_order),
                Predictor::FloatingPoint => regroup::<W>(row, out, window.bands),
            }
        }
    }
}

fn interleave<const SIZE: usize>(source: &[u8], out: &mut [u8], band: usize, bands: usize) {
    for (pixel, sample) in out.chunks_exact_mut(bands * SIZE).zip(source.chunks_exact(SIZE)) {
        pixel[band * SIZE..][..SIZE].copy_from_slice(sample);
    }
}

/// Predictor 2: words minus the one `stride` before; the first `stride` stay. A stride of the whole row changes nothing.
fn difference<W: Word>(row: &[u8], out: &mut [u8], stride: usize, order: ByteOrder) {
    let (head, tail) = out.split_at_mut(stride * size_of::<W>());
    let words = || row.chunks_exact(size_of::<W>()).map(W::from_native);
    for (out, word) in head.chunks_exact_mut(size_of::<W>()).zip(words()) {
        word.store(out, order);
    }
    for (out, (word, before)) in tail.chunks_exact_mut(size_of::<W>()).zip(words().skip(stride).zip(words())) {
        word.minus(before).store(out, order);
    }
}

/// Predictor 3: all most significant bytes of the row, then the next ones, …; then differences of bytes.
/// The byte order of the file plays no part (Adobe Photoshop TIFF Technical Note 3).
fn regroup<W: Word>(row: &[u8], out: &mut [u8], stride: usize) {
    let count = row.len() / size_of::<W>();
    let mut word = [0; 8];
    for (index, native) in row.chunks_exact(size_of::<W>()).enumerate() {
        W::from_native(native).store(&mut word[..size_of::<W>()], ByteOrder::Big);
        for (significance, &byte) in word[..size_of::<W>()].iter().enumerate() {
            out[significance * count + index] = byte;
        }
    }
    for index in (stride..out.len()).rev() {
        out[index] = out[index].wrapping_sub(out[index - stride]);
    }
}

/// The bits of a sample, as predictors see them.
trait Word: Copy {
    fn from_native(bytes: &[u8]) -> Self;
    fn minus(self, other: Self) -> Self;
    fn store(self, out: &mut [u8], order: ByteOrder);
}

macro_rules! impl_word {
    ($($W:ty)*) => {$(
        impl Word for $W {
            fn from_native(bytes: &[u8]) -> Self {
                let mut word = [0; size_of::<Self>()];
                word.copy_from_slice(bytes);
                Self::from_ne_bytes(word)
            }

            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }

            fn store(self, out: &mut [u8], order: ByteOrder) {
                out.copy_from_slice(&match order {
                    ByteOrder::Little => self.to_le_bytes(),
                    ByteOrder::Big => self.to_be_bytes(),
                });
            }
        }
    )*};
}
impl_word! { u8 u16 u32 u64 }
