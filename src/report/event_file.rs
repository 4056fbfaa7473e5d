//! A run as TensorBoard reads it: a file of events, each in a frame with its CRC-32C.
//!
//! A frame (TFRecord) is the length as u64, the length's CRC, the bytes, their CRC, little-endian;
//! an event is a protocol buffer `Event { wall_time = 1: double, step = 2: int64, file_version = 3:
//! string, summary = 5: Summary { value = 1: Value { tag = 1: string, simple_value = 2: float } }
//! }`.

use crate::experiment::FinishedRun;
use crate::train::EpochMetrics;

/// The events of a run: every value of every epoch, `test_accuracy` as `accuracy/test`, so that
/// TensorBoard puts training and test side by side. Steps are epochs, and times seconds since the
/// run began.
pub fn event_file(run: &FinishedRun) -> Vec<u8> {
    let version = message(3, b"brain.Event:2");
    let mut file = frame(&[fixed64(1, 0.0), version].concat());
    let mut time = 0.0;
    for epoch in &run.epochs {
        time += epoch.seconds + epoch.eval_seconds;
        let values: Vec<u8> = scalars(epoch)
            .into_iter()
            .flat_map(|(tag, value)| {
                message(1, &[message(1, tag.as_bytes()), fixed32(2, value as f32)].concat())
            })
            .collect();
        let step = [key(2, VARINT), varint(epoch.epoch as u64)].concat();
        file.extend(frame(&[fixed64(1, time), step, message(5, &values)].concat()));
    }
    file
}

/// What an epoch has, by TensorBoard's names.
fn scalars(epoch: &EpochMetrics) -> Vec<(String, f64)> {
    let by_samples = |name: &String| match name.split_once('_') {
        Some((samples, value)) => format!("{value}/{samples}"),
        None => name.clone(),
    };
    let mut scalars: Vec<(String, f64)> =
        epoch.values.iter().map(|(name, &value)| (by_samples(name), value)).collect();
    scalars.push(("seconds/epoch".to_string(), epoch.seconds));
    let layers = (1..).zip(&epoch.fan_in_ccv);
    scalars.extend(layers.map(|(layer, &ccv)| (format!("fan_in_ccv/layer_{layer}"), ccv)));
    scalars
}

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const LENGTH: u8 = 2;
const FIXED32: u8 = 5;

fn key(field: u8, wire_type: u8) -> Vec<u8> {
    vec![field << 3 | wire_type]
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn fixed64(field: u8, value: f64) -> Vec<u8> {
    [key(field, FIXED64), value.to_le_bytes().to_vec()].concat()
}

fn fixed32(field: u8, value: f32) -> Vec<u8> {
    [key(field, FIXED32), value.to_le_bytes().to_vec()].concat()
}

fn message(field: u8, bytes: &[u8]) -> Vec<u8> {
    [key(field, LENGTH), varint(bytes.len() as u64), bytes.to_vec()].concat()
}

fn frame(bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u64).to_le_bytes();
    let crc = |bytes: &[u8]| masked(crc32c(bytes)).to_le_bytes();
    [&length[..], &crc(&length), bytes, &crc(bytes)].concat()
}

/// CRCs of what has CRCs in it are masked so.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli), bit by bit: a run has a few kilobytes.
fn crc32c(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let bit = |crc: u32, _| (crc >> 1) ^ (POLYNOMIAL & (crc & 1).wrapping_neg());
    !bytes.iter().fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), bit))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check value of the catalogue of CRCs (RFC 3720 has the same polynomial).
    #[test]
    fn crc_is_castagnolis() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    }

    /// The first frame that TensorFlow writes into every file, but for its time: 9 bytes of time
    /// and 15 of version.
    #[test]
    fn numbers_and_messages_are_protocol_buffers() {
        assert_eq!(varint(300), [0xac, 0x02]);
        assert_eq!(message(3, b"brain.Event:2"), b"\x1a\x0dbrain.Event:2");
        assert_eq!(fixed32(2, 1.0), [0x15, 0, 0, 0x80, 0x3f]);
        let framed = frame(&[fixed64(1, 0.0), message(3, b"brain.Event:2")].concat());
        assert_eq!(framed.len(), 8 + 4 + 24 + 4);
        // The length, and its CRC as TensorFlow masks it.
        assert_eq!(framed[..12], [24, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0x7f, 0x4b, 0x22]);
    }
}
