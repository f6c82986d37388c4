//! A layered layout: boxes in rows from top to bottom, arrows only between neighbouring rows, nothing over anything.
//!
//! All lengths are whole pixels.

use super::Arrow;

/// Between two boxes of a row.
const GAP_X: i32 = 36;
/// Between two rows.
const GAP_Y: i32 = 52;
/// The room an arrow takes that passes through a row.
const LANE: i32 = 16;
/// How often rows are sorted, and boxes moved, towards their neighbours.
const SWEEPS: usize = 12;

/// The size of a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) width: i32,
    pub(super) height: i32,
}

/// Where a box is: its upper left corner.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) x: i32,
    pub(super) y: i32,
}

/// Where everything is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// As the boxes were given.
    pub(super) boxes: Vec<Spot>,
    /// As the arrows were given: points from the lower edge of one box to the upper edge of the other.
    pub(super) ways: Vec<Vec<Spot>>,
    pub(super) size: Size,
}

/// A box, or the place where an arrow passes through a row.
#[derive(Debug, Clone, Default)]
struct Item {
    width: i32,
    height: i32,
    row: usize,
    /// Left edge.
    x: i32,
    above: Vec<usize>,
    below: Vec<usize>,
}

impl Item {
    fn middle(&self) -> i32 {
        self.x + self.width / 2
    }
}

/// Lays out boxes of `sizes` that `arrows` connect, every arrow leading to a later box.
pub(super) fn layout(sizes: &[Size], arrows: &[Arrow]) -> Layout {
    let mut plan = Plan { items: items(sizes, arrows), rows: Vec::new() };
    let chains: Vec<Vec<usize>> = arrows.iter().map(|arrow| plan.connect(*arrow)).collect();
    plan.fill_rows();
    plan.untangle();
    plan.place();
    plan.finish(sizes.len(), &chains)
}

/// The boxes, each one row below the lowest of those that lead to it.
fn items(sizes: &[Size], arrows: &[Arrow]) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::with_capacity(sizes.len());
    for (at, size) in sizes.iter().enumerate() {
        let above = arrows.iter().filter(|arrow| arrow.to == at).filter_map(|arrow| items.get(arrow.from));
        let row = above.map(|item| item.row + 1).max().unwrap_or(0);
        items.push(Item { width: size.width, height: size.height, row, ..Item::default() });
    }
    items
}

struct Plan {
    items: Vec<Item>,
    /// The items of each row, from left to right.
    rows: Vec<Vec<usize>>,
}

impl Plan {
    fn row_of(&self, item: usize) -> usize {
        self.items.get(item).map_or(0, |item| item.row)
    }

    /// Links two boxes by way of a lane in every row between; answers the items on the way.
    fn connect(&mut self, arrow: Arrow) -> Vec<usize> {
        let mut chain = vec![arrow.from];
        for row in self.row_of(arrow.from) + 1..self.row_of(arrow.to) {
            chain.push(self.items.len());
            self.items.push(Item { width: LANE, row, ..Item::default() });
        }
        chain.push(arrow.to);
        for pair in chain.windows(2) {
            let [upper, lower] = pair else { continue };
            if let Some(item) = self.items.get_mut(*upper) {
                item.below.push(*lower);
            }
            if let Some(item) = self.items.get_mut(*lower) {
                item.above.push(*upper);
            }
        }
        chain
    }

    fn fill_rows(&mut self) {
        let count = self.items.iter().map(|item| item.row + 1).max().unwrap_or(0);
        self.rows = vec![Vec::new(); count];
        for (at, item) in self.items.iter().enumerate() {
            if let Some(row) = self.rows.get_mut(item.row) {
                row.push(at);
            }
        }
    }

    /// Sorts every row by the mean place of its neighbours, downwards and upwards in turn, and keeps the best.
    fn untangle(&mut self) {
        let mut best = (self.crossings(), self.rows.clone());
        for sweep in 0..SWEEPS {
            let down = sweep % 2 == 0;
            let mut order: Vec<usize> = (0..self.rows.len()).collect();
            if !down {
                order.reverse();
            }
            for row in order {
                self.sort_row(row, down);
            }
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.rows.clone());
            }
        }
        self.rows = best.1;
    }

    fn sort_row(&mut self, row: usize, down: bool) {
        let places = self.places();
        let Some(members) = self.rows.get(row) else { return };
        let key = |at: usize| {
            let neighbours = self.neighbours(at, down);
            let sum: usize = neighbours.iter().filter_map(|n| places.get(*n)).sum();
            let own = places.get(at).copied().unwrap_or(0);
            if neighbours.is_empty() { (own * 1000, own) } else { (sum * 1000 / neighbours.len(), own) }
        };
        let mut sorted: Vec<((usize, usize), usize)> = members.iter().map(|at| (key(*at), *at)).collect();
        sorted.sort_unstable();
        if let Some(members) = self.rows.get_mut(row) {
            *members = sorted.into_iter().map(|(_, at)| at).collect();
        }
    }

    fn neighbours(&self, at: usize, above: bool) -> &[usize] {
        let item = self.items.get(at);
        item.map_or(&[], |item| if above { item.above.as_slice() } else { item.below.as_slice() })
    }

    /// The place of every item in its row.
    fn places(&self) -> Vec<usize> {
        let mut places = vec![0; self.items.len()];
        for row in &self.rows {
            for (place, at) in row.iter().enumerate() {
                if let Some(slot) = places.get_mut(*at) {
                    *slot = place;
                }
            }
        }
        places
    }

    fn crossings(&self) -> usize {
        let places = self.places();
        let place = |at: usize| places.get(at).copied().unwrap_or(0);
        let mut count = 0;
        for row in &self.rows {
            let links: Vec<(usize, usize)> = row
                .iter()
                .flat_map(|at| self.neighbours(*at, false).iter().map(move |below| (*at, *below)))
                .map(|(upper, lower)| (place(upper), place(lower)))
                .collect();
            for (at, (upper, lower)) in links.iter().enumerate() {
                let rest = links.iter().skip(at + 1);
                count += rest.filter(|(u, l)| (u < upper && l > lower) || (u > upper && l < lower)).count();
            }
        }
        count
    }

    /// Gives every item its left edge: packed first, then moved towards its neighbours as far as the row allows.
    fn place(&mut self) {
        for row in 0..self.rows.len() {
            self.pack(row);
        }
        for sweep in 0..SWEEPS {
            let down = sweep % 2 == 0;
            for step in 0..self.rows.len() {
                self.pull(if down { step } else { self.rows.len() - 1 - step }, down);
            }
        }
        let left = self.items.iter().map(|item| item.x).min().unwrap_or(0);
        self.items.iter_mut().for_each(|item| item.x -= left);
    }

    fn pack(&mut self, row: usize) {
        let mut x = 0;
        for at in self.rows.get(row).cloned().unwrap_or_default() {
            if let Some(item) = self.items.get_mut(at) {
                item.x = x;
                x += item.width + GAP_X;
            }
        }
    }

    /// Moves a row towards the row above (or below): every item wants to stand under the mean of its neighbours; those
    /// that would overlap share the way.
    fn pull(&mut self, row: usize, above: bool) {
        let members = self.rows.get(row).cloned().unwrap_or_default();
        let wish = |at: usize| {
            let item = self.items.get(at)?;
            let neighbours = self.neighbours(at, above);
            let count = i32::try_from(neighbours.len()).ok().filter(|count| *count > 0);
            let Some(count) = count else { return Some(item.x) };
            let sum: i32 = neighbours.iter().filter_map(|n| self.items.get(*n)).map(Item::middle).sum();
            Some(sum / count - item.width / 2)
        };
        let wishes: Vec<(i32, i32)> =
            members.iter().filter_map(|at| Some((wish(*at)?, self.items.get(*at)?.width))).collect();
        for (at, x) in members.iter().zip(spread(&wishes)) {
            if let Some(item) = self.items.get_mut(*at) {
                item.x = x;
            }
        }
    }

    fn finish(self, boxes: usize, chains: &[Vec<usize>]) -> Layout {
        let heights: Vec<i32> = self
            .rows
            .iter()
            .map(|row| {
                row.iter().filter_map(|at| self.items.get(*at)).map(|item| item.height).max().unwrap_or(0)
            })
            .collect();
        let mut tops = Vec::with_capacity(heights.len());
        let mut y = 0;
        for height in &heights {
            tops.push(y);
            y += height + GAP_Y;
        }
        let top = |row: usize| tops.get(row).copied().unwrap_or(0);
        let spots: Vec<Spot> =
            self.items.iter().take(boxes).map(|item| Spot { x: item.x, y: top(item.row) }).collect();
        let ways = chains.iter().map(|chain| self.way(chain, &heights, &top)).collect();
        let width = self.items.iter().map(|item| item.x + item.width).max().unwrap_or(0);
        Layout { boxes: spots, ways, size: Size { width, height: (y - GAP_Y).max(0) } }
    }

    fn way(&self, chain: &[usize], heights: &[i32], top: &impl Fn(usize) -> i32) -> Vec<Spot> {
        let mut way = Vec::new();
        for (step, item) in chain.iter().filter_map(|at| self.items.get(*at)).enumerate() {
            let x = item.middle();
            let upper = Spot { x, y: top(item.row) };
            let height =
                if item.height > 0 { item.height } else { heights.get(item.row).copied().unwrap_or(0) };
            let lower = Spot { x, y: top(item.row) + height };
            if step > 0 {
                way.push(upper);
            }
            if step + 1 < chain.len() {
                way.push(lower);
            }
        }
        way
    }
}

/// Left edges as near to the wishes as they can be without overlap: neighbours that would overlap form a block, and the
/// block stands where its members want it on average.
fn spread(wishes: &[(i32, i32)]) -> Vec<i32> {
    /// Items that touch: where the first stands, the widths, and the sum of what each wishes the first to be.
    struct Block {
        x: i32,
        width: i32,
        sum: i32,
        offsets: Vec<i32>,
    }
    let mut blocks: Vec<Block> = Vec::new();
    for (wish, width) in wishes {
        blocks.push(Block { x: *wish, width: *width, sum: *wish, offsets: vec![0] });
        while let [.., left, right] = blocks.as_slice()
            && left.x + left.width + GAP_X > right.x
        {
            let (Some(right), Some(mut left)) = (blocks.pop(), blocks.pop()) else { break };
            let shift = left.width + GAP_X;
            let count = i32::try_from(right.offsets.len()).unwrap_or(i32::MAX);
            left.sum = left.sum.saturating_add(right.sum.saturating_sub(shift.saturating_mul(count)));
            left.offsets.extend(right.offsets.iter().map(|offset| offset + shift));
            left.width = shift + right.width;
            left.x = left.sum / i32::try_from(left.offsets.len()).unwrap_or(1);
            blocks.push(left);
        }
    }
    blocks.iter().flat_map(|block| block.offsets.iter().map(|offset| block.x + offset)).collect()
}
