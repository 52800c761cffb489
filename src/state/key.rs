//! The bytes of a key where it stands: in a table of groups, in a posting list.

/// Bytes of a key that need no memory of their own.
const SHORT_BYTES: usize = 22;

/// The bytes of a key: short ones need no allocation and no further read of memory.
#[derive(Debug)]
pub(super) enum Key {
    Short { length: u8, bytes: [u8; SHORT_BYTES] },
    Long(Box<[u8]>),
}

impl Key {
    pub fn new(key: &[u8]) -> Self {
        let mut bytes = [0; SHORT_BYTES];
        match bytes.get_mut(..key.len()) {
            Some(short) => {
                short.copy_from_slice(key);
                Key::Short { length: key.len() as u8, bytes }
            }
            None => Key::Long(key.into()),
        }
    }

    pub fn bytes(&self) -> &[u8] {
        match self {
            Key::Short { length, bytes } => &bytes[..usize::from(*length)],
            Key::Long(bytes) => bytes,
        }
    }

    /// Bytes that it holds beside its own.
    pub fn size(&self) -> usize {
        if let Key::Long(bytes) = self { bytes.len() } else { 0 }
    }
}

impl Default for Key {
    fn default() -> Self {
        Key::new(&[])
    }
}
