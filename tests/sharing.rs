//! Neurons that share their inputs: the same bits as any other network, in files as plain CSR, and
//! still sharing after connections have moved.

mod common;

use fanin::nn::Tile;
use fanin::parallel::Executor;
use fanin::sparse::CsrPattern;
use fanin::topology::{read_topology, write_topology};
use fanin::train::{Error, OwnParts, TrainConfig, Trainer};
use fanin_kernels::{Isa, Level};

/// Widths of which the last group of one layer is not whole.
fn config(method: &str, share: usize) -> TrainConfig {
    TrainConfig {
        hidden: vec![62, 48],
        sparsity: 0.8,
        method: method.parse().unwrap(),
        share,
        epochs: 2,
        ..TrainConfig::default()
    }
}

fn trainer(config: &TrainConfig, isa: Isa, threads: usize) -> Trainer {
    let executor = Some(Executor::new(isa, threads).unwrap());
    let own = OwnParts { executor, ..OwnParts::default() };
    Trainer::from_parts(config.clone(), common::mnist(1280, 64), own).unwrap()
}

fn train(config: &TrainConfig, isa: Isa, threads: usize) -> Trainer {
    let mut trainer = trainer(config, isa, threads);
    (0..config.epochs).for_each(|_| drop(trainer.run_epoch(|_| {}).unwrap()));
    trainer
}

fn connections(trainer: &Trainer) -> Vec<(CsrPattern, Vec<f32>)> {
    let layers = trainer.model().layers().iter().map(|layer| layer.connections());
    layers.map(|(pattern, weights)| (CsrPattern::clone(&pattern), weights)).collect()
}

fn shares(pattern: &CsrPattern, neurons: usize) -> bool {
    (0..pattern.rows()).all(|row| pattern.row(row) == pattern.row(row / neurons * neurons))
}

/// A file keeps plain CSR; whose rows share is recognised, and trained alike. The masked engine,
/// which knows nothing of groups, learns the same but for rounding.
#[test]
fn a_shared_layer_trains_as_the_same_connections_from_a_file_and_under_a_mask() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("shared.safetensors");
    let config = config("static", 4);
    let patterns: Vec<CsrPattern> =
        connections(&trainer(&config, Isa::detect(), 1)).into_iter().map(|c| c.0).collect();
    assert!(patterns[..2].iter().all(|pattern| shares(pattern, 4)));
    write_topology(&path, &[&patterns[0], &patterns[1]]).unwrap();
    assert_eq!(read_topology(std::slice::from_ref(&path)).unwrap(), patterns[..2]);
    let from_file = TrainConfig { share: 1, topology: vec![path], ..config.clone() };
    let masked = TrainConfig { engine: "masked".parse().unwrap(), ..config.clone() };
    let expected = connections(&train(&config, Isa::detect(), 2));
    assert!(connections(&train(&from_file, Isa::detect(), 1)) == expected);
    let masked = connections(&train(&masked, Isa::detect(), 1));
    for ((pattern, sparse), (of_masked, masked)) in expected.iter().zip(&masked) {
        assert!(pattern == of_masked);
        let apart = sparse.iter().zip(masked).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart < 1e-3, "{apart}");
    }
}

#[test]
fn methods_move_the_entries_of_whole_groups_to_the_same_bits_on_any_threads_and_level() {
    for method in ["rigl:every=3", "rigl:every=3,norm=l2,scope=network", "set-rigl:every=3", "set"]
    {
        let config = config(method, 4);
        let before = connections(&trainer(&config, Isa::detect(), 1));
        let expected = connections(&train(&config, Isa::detect(), 1));
        for (before, after) in before.iter().zip(&expected).take(2) {
            assert!(before.0 != after.0, "{method} moves connections");
            assert!(shares(&after.0, 4), "{method} keeps groups");
            let is_whole = before.0.rows().is_multiple_of(4) && !method.contains("network");
            assert!(!is_whole || before.0.nnz() == after.0.nnz(), "{method} keeps their number");
        }
        assert!(connections(&train(&config, Isa::detect(), 3)) == expected, "{method}, 3 threads");
        for isa in Isa::available().into_iter().filter(|i| i.level() != Level::ScalarNoFma) {
            assert!(connections(&train(&config, isa, 1)) == expected, "{method}, {}", isa.level());
        }
    }
}

/// One update of RigL on groups against sums over the neurons of what is known position by
/// position.
#[test]
fn a_group_s_entry_is_scored_by_the_sum_over_its_neurons() {
    let config = config("rigl:every=3,drop=0.3,decay=constant", 4);
    let mut trainer = trainer(&config, Isa::detect(), 2);
    (0..2).for_each(|_| drop(trainer.step().unwrap()));
    let before = connections(&trainer);
    trainer.step().unwrap();
    let after = connections(&trainer);
    for ((old, weights), (new, _)) in before.iter().zip(&after).take(2) {
        let rows = |group: usize| group * 4..old.rows().min(group * 4 + 4);
        let score = |group: usize, nth: usize| {
            let sizes = rows(group).map(|row| weights[old.entries(row).start + nth].abs());
            sizes.sum::<f32>() * 4.0 / rows(group).len() as f32
        };
        let (mut stayed, mut gone) = (Vec::new(), Vec::new());
        for group in 0..old.rows().div_ceil(4) {
            for (nth, col) in old.row(group * 4).iter().enumerate() {
                let stays = new.row(group * 4).contains(col);
                if stays { &mut stayed } else { &mut gone }.push(score(group, nth));
            }
        }
        // What was dropped and came back stayed; all that is gone was among the smallest.
        let count = (0.3 * (stayed.len() + gone.len()) as f64).floor() as usize;
        let mut all = [&stayed[..], &gone].concat();
        all.sort_unstable_by(f32::total_cmp);
        assert!(!gone.is_empty() && gone.iter().all(|&score| score <= all[count - 1]));
    }
}

#[test]
fn sharing_is_refused_where_it_means_nothing() {
    let data = common::mnist(128, 64);
    for share in [0, 257] {
        let error = Trainer::new(config("static", share), data.clone()).err().unwrap();
        assert!(matches!(error, Error::Range { setting: "share", .. }), "{error}");
    }
    let topology = vec!["mask.npz".into()];
    let error = Trainer::new(TrainConfig { topology, ..config("static", 4) }, data).err().unwrap();
    assert!(matches!(error, Error::SharedFile), "{error}");
}

/// Whatever order the weights are stored in: by groups, by rows sorted by length, as in CSR.
#[test]
fn a_sample_alone_has_the_bits_it_has_in_a_tile() {
    let data = common::mnist(1280, 64);
    for (hidden, share) in [([62, 48], 4), ([300, 290], 1), ([300, 290], 4), ([40, 30], 1)] {
        let config = TrainConfig { hidden: hidden.to_vec(), ..config("static", share) };
        let trainer = train(&config, Isa::detect(), 1);
        let (model, isa) = (trainer.model(), trainer.executor().isa());
        let mut tile = Tile::new(model);
        data.test.load_tile(isa, &data.scaling, &[0, 1, 2], &mut tile);
        let inputs = tile.input.to_rows().into_owned();
        model.forward(trainer.executor().crew(), &mut tile);
        for sample in 0..3 {
            let (mut x, mut y) = (inputs.iter().map(|row| row.0[sample]).collect(), Vec::new());
            model.forward_sample(isa, &mut x, &mut y);
            let of_tile: Vec<f32> = tile.outputs().iter().map(|row| row.0[sample]).collect();
            assert_eq!(x, of_tile, "{hidden:?}, share {share}");
        }
    }
}
