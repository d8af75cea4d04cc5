//! Small pictures whose headers claim that they are large.

use crc::{CRC_32_ISO_HDLC, Crc};
use xception_web::picture::Picture;

use super::common::read_fixture;
use super::{find, within};

/// What may be held to learn a picture's size from its header: copies of the file, and a decoder's tables.
const HEADER_BOUND: usize = 1 << 20;

/// A fixture with this done to it.
fn changed(name: &str, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = read_fixture(&format!("pictures/{name}"));
    change(&mut bytes);
    bytes
}

/// Height and width stand behind the marker of the frame, its length and the bits per channel.
fn jpeg(name: &str, frame: u8, [width, height]: [u16; 2]) -> Vec<u8> {
    changed(name, |bytes| {
        let at = find(bytes, &[0xff, frame]) + 5;
        bytes[at..at + 2].copy_from_slice(&height.to_be_bytes());
        bytes[at + 2..at + 4].copy_from_slice(&width.to_be_bytes());
    })
}

pub fn claims_of_size() {
    let [width, height] = [u16::MAX, u16::MAX / 2];
    let long = |side: u16| u32::from(side);
    let png = changed("picture.png", |bytes| {
        bytes[16..20].copy_from_slice(&long(width).to_be_bytes());
        bytes[20..24].copy_from_slice(&long(height).to_be_bytes());
        let checksum = Crc::<u32>::new(&CRC_32_ISO_HDLC).checksum(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
    });
    let gif = changed("picture.gif", |bytes| {
        bytes[6..8].copy_from_slice(&width.to_le_bytes());
        bytes[8..10].copy_from_slice(&height.to_le_bytes());
    });
    let bmp = changed("picture.bmp", |bytes| {
        bytes[18..22].copy_from_slice(&long(width).to_le_bytes());
        bytes[22..26].copy_from_slice(&long(height).to_le_bytes());
    });
    // 14 bits for each side, one less than it is; flags follow.
    let webp = changed("picture.webp", |bytes| {
        assert_eq!(&bytes[12..16], b"VP8L");
        let flags = u32::from(bytes[24] & 0xf0) << 24;
        bytes[21..25].copy_from_slice(&(flags | 16_382 | 16_382 << 14).to_le_bytes());
    });
    let claimed = format!("{width}×{height}");
    for (what, file, size) in [
        ("baseline JPEG", jpeg("jpeg-420.jpg", 0xc0, [width, height]), &*claimed),
        ("progressive JPEG", jpeg("jpeg-progressive.jpg", 0xc2, [width, height]), &claimed),
        ("PNG", png, &claimed),
        ("GIF", gif, &claimed),
        ("BMP", bmp, &claimed),
        ("WebP", webp, "16383×16383"),
    ] {
        let said = within(HEADER_BOUND, || Picture::decode(&file)).expect_err(what);
        assert!(said.contains(size) && said.contains("at most 134 megapixels"), "{what}: {said}");
    }
}
