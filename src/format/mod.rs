//! Files other tools read. A leaf: knows of no network.

pub mod safetensors;
