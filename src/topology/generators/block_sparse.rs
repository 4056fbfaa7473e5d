//! Block-sparse layers (Gray, Radford & Kingma 2017): a layer is a grid of square blocks, of which
//! some are there, each with all of its connections.
//!
//! Blocks at the edges are cut where the size does not divide the layer: what would lie beyond is
//! no connection.

use super::barabasi_albert::BarabasiAlbert;
use super::ring::{on_ring, pattern};
use super::watts_strogatz::rewire;
use crate::grammar::{Card, Entry, Parameter, named};
use crate::random::{Purpose, stream};
use crate::sparse::CsrPattern;
use crate::topology::error::{TopologyError, Warning};
use crate::topology::generator::{Generated, Generator, Request};
use crate::topology::profiled::proportional;
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;

/// Block-sparse layers in the list of generators.
pub(super) const ENTRY: Entry<Box<dyn Generator>> = Entry {
    name: "blocks",
    about: "square blocks of neurons and inputs with all connections (Gray et al. 2017)",
    parameters: &[
        Parameter {
            key: "size",
            default: Some("16"),
            about: "neurons and inputs of a block; kernels of their own for multiples of 16",
        },
        Parameter {
            key: "layout",
            default: Some("balanced"),
            about: "which blocks: balanced, ring, small-world, scale-free",
        },
    ],
    make: |given| {
        let (size, layout) = (given.whole("size", 1)? as usize, given.one_of("layout")?);
        Ok(Box::new(BlockSparse { size, layout }))
    },
};

named! {
    /// Which blocks of the grid are there.
    enum Layout as "layout" {
        /// As many in every row of blocks, and in every column, but for one; else at random.
        Balanced = "balanced",
        /// Those next to the diagonal.
        Ring = "ring",
        /// The same, 15 % of them moved anywhere (Watts & Strogatz).
        SmallWorld = "small-world",
        /// Hubs by preferential attachment (Barabási & Albert).
        ScaleFree = "scale-free",
    }
}

/// How likely a block of a small world is moved: as likely as a connection of `ws`.
const MOVED: f64 = 0.15;

#[derive(Debug)]
struct BlockSparse {
    size: usize,
    layout: Layout,
}

impl Generator for BlockSparse {
    fn card(&self) -> Card {
        Card {
            paper: "Gray, Radford & Kingma: GPU Kernels for Block-Sparse Weights, 2017",
            decides: "which blocks of connections there are",
            when: "before training",
            cost: "one pass over all connections",
        }
    }

    fn takes_groups(&self) -> bool {
        false
    }

    /// The whole number of blocks that comes closest, one for each row of the grid at least; where
    /// that is more than is asked for, it is said.
    fn generate(&self, request: &Request<'_>) -> Result<Generated, TopologyError> {
        let &Request { shape, sparsity, seed, layer, .. } = request;
        let grid = shape.map(|width| width.div_ceil(self.size));
        // The least fan-in is a block.
        let ceiling = 1.0 - 1.0 / grid[0] as f64;
        let of_grid = Request { shape: grid, sparsity: sparsity.min(ceiling), ..*request };
        let rng = &mut stream(seed, Purpose::Spread, layer as u64);
        let blocks = match self.layout {
            Layout::Balanced => balanced(&of_grid, rng)?,
            Layout::Ring => ring(&of_grid)?,
            Layout::SmallWorld => rewire(&ring(&of_grid)?, MOVED, rng),
            Layout::ScaleFree => BarabasiAlbert.generate(&of_grid)?.pattern,
        };
        let pattern = of_blocks(&blocks, self.size, shape);
        let realised = 1.0 - pattern.nnz() as f64 / (shape[0] * shape[1]) as f64;
        let warnings = match sparsity > ceiling {
            true => vec![Warning::Sparsity { target: sparsity, realised }],
            false => Vec::new(),
        };
        Ok(Generated { pattern, weights: None, warnings })
    }
}

/// How many blocks each row of the grid has: as equal as can be.
fn counts(grid: &Request<'_>) -> Result<Vec<usize>, TopologyError> {
    proportional(&vec![1.0; grid.shape[1]], grid.shape[0], grid.sparsity)
}

/// Rows and columns with equally many blocks each, but for one.
fn balanced(grid: &Request<'_>, rng: &mut Pcg64) -> Result<CsrPattern, TopologyError> {
    let mut counts = counts(grid)?;
    counts.shuffle(rng);
    let [columns, _] = grid.shape;
    let total: usize = counts.iter().sum();
    let mut left: Vec<usize> =
        (0..columns).map(|col| total / columns + usize::from(col < total % columns)).collect();
    left.shuffle(rng);
    // A row takes the columns that lack most blocks: so no column is left with more than rows.
    let rows = counts.iter().map(|&count| {
        let mut order: Vec<(usize, u64, u32)> =
            (0..).zip(&left).map(|(col, &left)| (left, rng.random(), col)).collect();
        order.sort_unstable_by(|a, b| b.cmp(a));
        let taken: Vec<u32> = order[..count].iter().map(|&(_, _, col)| col).collect();
        taken.iter().for_each(|&col| left[col as usize] -= 1);
        taken
    });
    Ok(pattern(columns, rows.collect::<Vec<_>>()))
}

/// In each row the blocks next to the diagonal.
fn ring(grid: &Request<'_>) -> Result<CsrPattern, TopologyError> {
    let ([columns, rows], counts) = (grid.shape, counts(grid)?);
    let of_row = |(row, &count): (usize, &usize)| {
        // ⌊row·columns/rows − (count − 1)/2⌋
        let doubled = 2 * (row * columns) as i64 - (count as i64 - 1) * rows as i64;
        let start = doubled.div_euclid(2 * rows as i64);
        (0..count as i64).map(|k| on_ring(start + k, columns)).collect()
    };
    Ok(pattern(columns, counts.iter().enumerate().map(of_row)))
}

/// The connections of a grid's blocks.
fn of_blocks(
    grid: &CsrPattern,
    size: usize,
    [in_features, out_features]: [usize; 2],
) -> CsrPattern {
    let (mut row_ptr, mut col_idx) = (vec![0], Vec::new());
    for row in 0..out_features {
        for &block in grid.row(row / size) {
            let first = block as usize * size;
            col_idx.extend(first as u32..(first + size).min(in_features) as u32);
        }
        row_ptr.push(col_idx.len());
    }
    CsrPattern::new(in_features, row_ptr, col_idx).expect("blocks of a valid pattern")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sparse::oracle::Oracle;

    fn request(shape: [usize; 2], sparsity: f64) -> Request<'static> {
        Request { shape, sparsity, seed: 3, layer: 0, inputs: None }
    }

    fn grid_of(pattern: &CsrPattern, size: usize) -> CsrPattern {
        let rows = (0..pattern.rows()).step_by(size).map(|row| {
            let mut blocks: Vec<u32> =
                pattern.row(row).iter().map(|col| col / size as u32).collect();
            blocks.dedup();
            blocks
        });
        super::pattern(pattern.cols().div_ceil(size), rows)
    }

    #[test]
    fn connections_of_a_grid_are_the_oracles() {
        let mut oracle = Oracle::open("block_sparse");
        for case in ["b8", "b16", "b8_rect"] {
            let [shape, size, count] =
                ["shape", "block", "nnz_real"].map(|name| oracle.whole(&format!("{case}_{name}")));
            let grid = oracle.pattern(&format!("{case}_layout"));
            let pattern = of_blocks(&grid, size[0], [shape[1], shape[0]]);
            assert_eq!(pattern.nnz(), count[0], "{case}");
            assert_eq!(grid_of(&pattern, size[0]), grid, "{case}");
        }
    }

    #[test]
    fn rings_are_those_of_the_oracle() {
        let mut oracle = Oracle::open("block_sparse");
        for (name, width, neighbours) in [("ws_layout_n16_m2", 16, 2), ("ws_layout_n32_m3", 32, 3)]
        {
            let sparsity = 1.0 - (2 * neighbours + 1) as f64 / width as f64;
            assert_eq!(ring(&request([width; 2], sparsity)).unwrap(), oracle.pattern(name));
        }
    }

    #[test]
    fn balanced_blocks_are_as_many_in_every_row_and_column_but_for_one() {
        for (shape, size, sparsity) in [
            ([1024, 1024], 16, 0.9),
            ([784, 1024], 32, 0.9),
            ([54, 300], 8, 0.8),
            ([784, 64], 16, 0.98),
        ] {
            let made = BlockSparse { size, layout: Layout::Balanced };
            let made = made.generate(&request(shape, sparsity)).unwrap();
            let grid = grid_of(&made.pattern, size);
            let of_rows: Vec<usize> = (0..grid.rows()).map(|row| grid.row(row).len()).collect();
            let mut of_columns = vec![0; grid.cols()];
            grid.col_idx().iter().for_each(|&col| of_columns[col as usize] += 1);
            assert!(!of_rows.contains(&0), "{shape:?}");
            for counts in [of_rows, of_columns] {
                let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
                assert!(most - least <= 1, "{shape:?}: {counts:?}");
            }
        }
    }

    #[test]
    fn budgets_are_met_to_the_block_and_where_they_cannot_be_it_is_told() {
        // 64 × 64 blocks, of which 409.6 would be a tenth.
        for layout in [Layout::Balanced, Layout::Ring, Layout::SmallWorld, Layout::ScaleFree] {
            let made = BlockSparse { size: 16, layout };
            let made = made.generate(&request([1024, 1024], 0.9)).unwrap();
            assert_eq!(made.pattern.nnz(), 410 * 256, "{layout:?}");
            assert_eq!(made.warnings, [], "{layout:?}");
        }
        // A block for each of four rows is more than a hundredth of 49 × 4.
        let made = BlockSparse { size: 16, layout: Layout::Balanced };
        let made = made.generate(&request([784, 64], 0.99)).unwrap();
        let realised = 1.0 - 4.0 / 196.0;
        assert_eq!(made.pattern.nnz(), 4 * 256);
        assert_eq!(made.warnings, [Warning::Sparsity { target: 0.99, realised }]);
    }
}
