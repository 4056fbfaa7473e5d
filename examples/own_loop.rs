//! A training loop of one's own: topology, data and loop in memory, without `Trainer`.
//!
//! `cargo run --release --example own_loop`
//!
//! The task: in which quarter of a noisy signal of 64 values is the pulse? Each of the 64 hidden
//! neurons sees nine neighbouring values and nothing else.

use fanin::kernels::{Isa, TILE};
use fanin::nn::storage::Sparse;
use fanin::nn::{Layer, Mlp, Place, Tile};
use fanin::optim::{Adam, GrownState, Optimizer};
use fanin::parallel::Executor;
use fanin::random::hash;
use fanin::sparse::CsrPattern;
use fanin::train::step::{apply_gradients, forward_backward};

const WIDTH: usize = 64;
const BATCH: usize = 128;

/// Signal number `n`, and the quarter its pulse is in.
fn signal(n: u32) -> ([f32; WIDTH], u16) {
    let noise = |i: usize| hash([7, u64::from(n), i as u64]) as u32 as f32 / u32::MAX as f32;
    let at = (noise(WIDTH) * WIDTH as f32) as usize % WIDTH;
    let pulse = |i: usize| if i.abs_diff(at) <= 1 { 2.0 } else { 0.0 };
    (std::array::from_fn(|i| 2.0 * noise(i) - 1.0 + pulse(i)), (4 * at / WIDTH) as u16)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut row_ptr, mut col_idx) = (vec![0], Vec::new());
    for neuron in 0..WIDTH {
        col_idx.extend((neuron.saturating_sub(4)..WIDTH.min(neuron + 5)).map(|col| col as u32));
        row_ptr.push(col_idx.len());
    }
    let hidden = CsrPattern::new(WIDTH, row_ptr, col_idx)?;
    let output = CsrPattern::full(4, WIDTH);

    let executor = Executor::new(Isa::detect(), 1)?;
    let first = Place::first(executor.isa());
    let mut model = Mlp::new(&Sparse, first, vec![hidden, output], 42);
    let mut optimizer = Optimizer::new(Box::new(Adam::new(GrownState::Zero)), &model);
    let mut tiles = Tile::several(&model, BATCH.div_ceil(TILE));
    let mut gradients: Vec<_> = model.layers().iter().map(Layer::zeros).collect();

    for step in 0..300 {
        // No signal comes twice, so the loss is that of signals not seen before.
        let batch: Vec<u32> = (step * BATCH as u32..).take(BATCH).collect();
        forward_backward(&executor, &model, &mut tiles, &batch, |_, _, numbers, tile| {
            tile.samples = numbers.len();
            for (sample, &number) in numbers.iter().enumerate() {
                let (values, quarter) = signal(number);
                tile.input
                    .rows_mut()
                    .iter_mut()
                    .zip(values)
                    .for_each(|(row, value)| row.0[sample] = value);
                tile.targets.classes[sample] = quarter;
            }
        });
        // Of a shorter batch only the tiles that it fills.
        let filled = &tiles[..batch.len().div_ceil(TILE)];
        apply_gradients(&executor, &mut model, &mut optimizer, 3e-3, &mut gradients, filled);
        if step % 50 == 49 {
            let loss: f32 = tiles.iter().map(|tile| tile.loss.loss_sum).sum();
            println!("step {:3}: loss {:.3}", step + 1, loss / BATCH as f32);
        }
    }
    Ok(())
}
