//! The data sets of several runs, each loaded once.

use super::Error;
use crate::dataset::{self, DataConfig, Dataset};
use std::sync::{Arc, Mutex, PoisonError};

/// Data sets by their settings: who asks for the same one again, or at the same time, shares it.
#[derive(Default)]
pub struct Datasets {
    loaded: Mutex<Vec<(DataConfig, Arc<Slot>)>>,
}

/// A data set, once it is loaded.
type Slot = Mutex<Option<Arc<Dataset>>>;

impl Datasets {
    /// Of these settings.
    ///
    /// **Errors**: [`Error::Data`]: as [`DataConfig::load`].
    pub fn load(&self, config: &DataConfig) -> Result<Arc<Dataset>, Error> {
        config.validate()?;
        // The digest is what the data must be, not which it is.
        let which = DataConfig { data_digest: None, ..config.clone() };
        let slot = {
            let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
            match loaded.iter().find(|(known, _)| *known == which) {
                Some((_, slot)) => Arc::clone(slot),
                None => {
                    let slot = Arc::default();
                    loaded.push((which.clone(), Arc::clone(&slot)));
                    slot
                }
            }
        };
        // Others that want the same wait here; those that want another do not.
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let data = match &*slot {
            Some(data) => Arc::clone(data),
            None => Arc::clone(slot.insert(Arc::new(which.load()?))),
        };
        if let Some(expected) = config.data_digest.clone() {
            let (name, found) = (data.name.clone(), data.digest());
            if found != expected {
                return Err(dataset::Error::DataChanged { name, expected, found }.into());
            }
        }
        Ok(data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_same_settings_share_one_data_set_whose_digest_is_held_against_theirs() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("own.csv");
        let rows: String = (0..20).map(|i| format!("{i},{}\n", i % 2)).collect();
        fs::write(&file, format!("x,y\n{rows}")).unwrap();
        let train = Some(file.clone());
        let config = DataConfig { train, label: Some("y".into()), ..DataConfig::default() };
        let other = DataConfig { split_seed: 7, ..config.clone() };
        let sets = Datasets::default();
        let first = sets.load(&config).unwrap();
        let digest = first.digest();
        // Nobody reads it again.
        fs::remove_file(&file).unwrap();
        let same = DataConfig { data_digest: Some(digest.clone()), ..config.clone() };
        assert!(Arc::ptr_eq(&first, &sets.load(&config).unwrap()));
        assert!(Arc::ptr_eq(&first, &sets.load(&same).unwrap()));
        assert!(sets.load(&other).is_err());
        let wrong = DataConfig { data_digest: Some("0".into()), ..config };
        let Err(Error::Data(dataset::Error::DataChanged { expected, found, .. })) =
            sets.load(&wrong)
        else {
            panic!("another digest was taken");
        };
        assert_eq!((expected, found), ("0".to_string(), digest));
    }
}
