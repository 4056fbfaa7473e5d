//! Settings: what is read is read again as it is written.

#![no_main]

use fanin::grammar::Choice;
use fanin::method::Method;
use fanin::train::RunConfig;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(config) = RunConfig::from_toml(text) {
        let again = RunConfig::from_toml(&config.to_toml()).expect("what is written is read");
        // A number that is none is not equal to itself.
        assert_eq!(again.to_toml(), config.to_toml());
        drop(config.train.validate());
        drop(config.data.validate());
    }
    if let Ok(choice) = text.parse::<Choice<Box<dyn Method>>>() {
        assert_eq!(choice.to_string().parse().as_ref(), Ok(&choice));
        choice.make();
    }
});
