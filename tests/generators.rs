//! Generators: the list, Erdős–Rényi, profiles and files through the one interface.

use fanin::grammar::Error;
use fanin::nn::Place;
use fanin::sparse::CsrPattern;
use fanin::topology::{
    Allocation, FanInRule, FileTopology, Generated, Generator, Profile, Profiled, Request, Spread,
    TopologyError, TopologyStats, build,
};
use fanin::train::TrainConfig;
use fanin_kernels::Isa;

fn request(shape: [usize; 2], seed: u64, layer: usize) -> Request<'static> {
    Request { shape, sparsity: 0.9, seed, layer, inputs: None }
}

fn er(text: &str, shape: [usize; 2], seed: u64, layer: usize) -> CsrPattern {
    let Generated { pattern, weights, warnings } =
        generator(text).unwrap().generate(&request(shape, seed, layer)).unwrap();
    assert_eq!((weights, warnings), (None, vec![]));
    pattern
}

fn generator(text: &str) -> Result<Box<dyn Generator>, fanin::grammar::Error> {
    fanin::grammar::make(text)
}

#[test]
fn erdos_renyi_has_exactly_epsilon_times_inputs_and_neurons() {
    // SET (Mocanu et al. 2018): ε(n + m) connections, at most all of n·m.
    for (epsilon, shape, nnz) in [
        (20.0, [784, 1024], 36_160),
        (20.0, [1024, 1024], 40_960),
        (13.0, [784, 300], 14_092),
        (20.0, [54, 1024], 21_560),
        (20.0, [30, 20], 600),
        (0.1, [7, 3], 1),
        (0.3, [7, 3], 3),
        (0.31, [7, 3], 4),
        (1e-12, [7, 3], 1),
        (1e300, [7, 3], 21),
    ] {
        let pattern = er(&format!("er:epsilon={epsilon}"), shape, 1, 0);
        assert_eq!([pattern.cols(), pattern.rows()], shape);
        assert_eq!(pattern.nnz(), nnz, "{epsilon} {shape:?}");
    }
    assert_eq!(er("er", [784, 1024], 1, 0), er("er:epsilon=20", [784, 1024], 1, 0));
}

#[test]
fn erdos_renyi_puts_them_anywhere() {
    let pattern = er("er", [784, 1024], 1, 0);
    let stats = TopologyStats::of(&pattern);
    // Counts of a row and a column are hypergeometric: variance k·(1/m)·(1 − 1/m)·(N − k)/(N − 1)
    // of the k of N = n·m positions; 35.31 ± 5.81 inputs, 46.12 ± 6.62 neurons.
    assert!((stats.fan_in.std - 5.81).abs() < 0.4, "{}", stats.fan_in.std);
    assert!((stats.fan_out.std - 6.62).abs() < 0.5, "{}", stats.fan_out.std);
    assert_eq!(er("er", [784, 1024], 1, 0), pattern);
    assert!(er("er", [784, 1024], 2, 0) != pattern && er("er", [784, 1024], 1, 1) != pattern);
}

#[test]
fn generators_are_found_by_name() {
    let error = generator("no-such").unwrap_err();
    assert!(matches!(error, Error::UnknownName { what: "generator", .. }), "{error}");
    assert!(generator("er:epsilon=0").unwrap_err().to_string().contains("a positive number"));
    assert!(!generator("er").unwrap().needs_inputs());
}

#[test]
fn a_profile_is_a_generator() {
    let rule = FanInRule::new(Profile::Linear);
    let profiled = Profiled { rule: rule.clone(), spread: Spread::Even, narrow: 0 };
    let made = profiled.generate(&request([30, 20], 1, 2)).unwrap();
    let (pattern, warnings) = build(&rule, Spread::Even, [30, 20], 0.9, 1, 2).unwrap();
    assert_eq!(made, Generated { pattern, weights: None, warnings });
    let error = profiled.generate(&request([8, 20], 1, 2)).unwrap_err();
    assert!(matches!(error, TopologyError::Ceiling { .. }), "{error}");
}

#[test]
fn a_file_gives_each_sparse_layer_its_own() {
    let patterns = vec![CsrPattern::full(3, 4), CsrPattern::full(2, 3)];
    // The network's layer 0 is dense.
    let file = FileTopology::new(patterns.clone(), &[1, 2]).unwrap();
    for (layer, pattern) in patterns.iter().enumerate() {
        let shape = [pattern.cols(), pattern.rows()];
        let made = file.generate(&request(shape, 1, layer + 1)).unwrap();
        assert_eq!(made, pattern.clone().into());
    }
    let error = file.generate(&request([4, 4], 1, 1)).unwrap_err();
    assert_eq!(error, TopologyError::Shape { found: [3, 4], expected: [4, 4] });
    let error = FileTopology::new(patterns, &[0]).unwrap_err();
    assert_eq!(error, TopologyError::LayerCount { found: 2, expected: 1 });
}

#[test]
fn the_largest_seed_is_one() {
    for spread in [Spread::Random, Spread::RandomTorch] {
        let last = spread.pattern(10, &[3, 4], u64::MAX, 1);
        assert_eq!(last.nnz(), 7);
        // torch's seed is seed + layer, modulo its 32 bits.
        let same = Spread::RandomTorch.pattern(10, &[3, 4], 0, 0);
        assert_eq!(last == same, spread == Spread::RandomTorch);
    }
    assert_eq!(er("er", [30, 20], u64::MAX, 1).nnz(), 600);
}

#[test]
fn allocations_reach_the_layers() {
    let config = TrainConfig {
        hidden: vec![64, 64],
        allocation: Allocation::List(vec![0.5, 0.75]),
        ..TrainConfig::default()
    };
    let model = config.build(Place::first(Isa::detect()), 100, 10, None).unwrap().0;
    let nnz: Vec<usize> = model.layers().iter().map(|layer| layer.nnz()).collect();
    assert_eq!(nnz, [3200, 1024, 640]);
}
