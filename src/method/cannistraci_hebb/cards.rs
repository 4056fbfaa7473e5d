//! What is said about the three methods.

use crate::grammar::Card;

/// The method that draws or does not, at a sparsity that rises or does not.
pub(super) fn card(draws: bool, rises: bool) -> Card {
    match (draws, rises) {
        (false, _) => CHT,
        (true, false) => CHTS,
        (true, true) => CHTSS,
    }
}

/// CHT.
const CHT: Card = Card {
    paper: "Zhang, Zhao, Wu, Muscoloni & Cannistraci: Epitopological Learning and \
        Cannistraci-Hebb Network Shape Intelligence, 2024",
    decides: "what goes: the smallest weights, and what then leads nowhere; what comes: the \
        likeliest links",
    when: "after each epoch until 3/4 of them",
    cost: "the paths of three links between every two nodes, n·m of them",
};

/// CHTs.
const CHTS: Card = Card {
    paper: "Zhang et al.: Brain network science modelling of sparse neural networks enables \
        Transformers and LLMs to perform as fully connected, 2025, arXiv 2501.19107",
    decides: "what goes and what comes: draws by size and by likelihood; what then leads \
        nowhere goes too",
    when: "after each epoch until 3/4 of them",
    cost: "four sparse products of a layer's pattern, as dense as n·m",
};

/// CHTss.
const CHTSS: Card =
    Card { decides: "what goes and what comes, by draws, while the sparsity rises", ..CHTS };
