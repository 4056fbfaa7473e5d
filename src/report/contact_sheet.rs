//! Images with their labels on one sheet, as PNG and as SVG.

use super::escape::escape;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use font8x8::UnicodeFonts;

/// Images to be drawn.
pub struct ContactSheet<'a> {
    /// What they are.
    pub title: String,
    /// Rows of pixels of an image.
    pub height: usize,
    /// Pixels of a row.
    pub width: usize,
    /// Values of a pixel; of several the mean is shown.
    pub channels: usize,
    /// Whether rows and columns are exchanged in the bytes.
    pub transposed: bool,
    /// `height·width·channels` values each, 0 the paper.
    pub images: Vec<&'a [u8]>,
    /// What stands below each.
    pub labels: Vec<String>,
}

/// Pixels around an image.
const GAP: usize = 4;
/// Height and width of a letter of the PNG.
const LETTER: usize = 8;

impl ContactSheet<'_> {
    fn columns(&self) -> usize {
        (1..).find(|columns| columns * columns >= self.images.len()).unwrap_or(1)
    }

    fn rows(&self) -> usize {
        self.images.len().div_ceil(self.columns())
    }

    /// The ink of an image at a place of the picture, upright.
    fn ink(&self, image: &[u8], x: usize, y: usize) -> u8 {
        let at = if self.transposed { x * self.height + y } else { y * self.width + x };
        let values = &image[at * self.channels..][..self.channels];
        (values.iter().map(|&value| usize::from(value)).sum::<usize>() / self.channels) as u8
    }

    /// Dark ink on white paper: the images at `pitch` and below each `room` rows for its label.
    fn mosaic(&self, room: usize) -> Picture {
        let [pitch_x, pitch_y] = [self.width + GAP, self.height + GAP + room];
        let size = [self.columns() * pitch_x + GAP, self.rows() * pitch_y + GAP];
        let mut picture = Picture { width: size[0], bytes: vec![255; size[0] * size[1]] };
        for (index, image) in self.images.iter().enumerate() {
            let (column, row) = (index % self.columns(), index / self.columns());
            let (left, top) = (GAP + column * pitch_x, GAP + row * pitch_y);
            for y in 0..self.height {
                for x in 0..self.width {
                    picture.set(left + x, top + y, 255 - self.ink(image, x, y));
                }
            }
            if room > 0 {
                picture.write(&self.labels[index], [left, top + self.height + 1], self.width);
            }
        }
        picture
    }
}

struct Picture {
    width: usize,
    bytes: Vec<u8>,
}

impl Picture {
    fn set(&mut self, x: usize, y: usize, value: u8) {
        self.bytes[y * self.width + x] = value;
    }

    /// Writes as much of a text as fits into `room` pixels.
    fn write(&mut self, text: &str, [left, top]: [usize; 2], room: usize) {
        for (at, letter) in text.chars().take((room + GAP) / LETTER).enumerate() {
            let glyph = font8x8::BASIC_FONTS.get(letter).unwrap_or_default();
            for (y, bits) in glyph.iter().enumerate() {
                for x in (0..LETTER).filter(|x| bits >> x & 1 == 1) {
                    self.set(left + at * LETTER + x, top + y, 0);
                }
            }
        }
    }

    fn png(&self) -> Vec<u8> {
        let mut png = Vec::new();
        let height = self.bytes.len() / self.width;
        let mut encoder = png::Encoder::new(&mut png, self.width as u32, height as u32);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::Eight);
        let written = encoder.write_header().and_then(|mut w| w.write_image_data(&self.bytes));
        written.expect("memory takes any number of bytes");
        png
    }
}

/// The sheet as PNG; labels are cut to the width of an image.
pub fn contact_sheet_png(sheet: &ContactSheet<'_>) -> Vec<u8> {
    sheet.mosaic(LETTER + 1).png()
}

/// The sheet as SVG: the images enlarged, each with its label and the sheet with its title.
pub fn contact_sheet_svg(sheet: &ContactSheet<'_>) -> Vec<u8> {
    const SCALE: usize = 3;
    const TITLE: usize = 40;
    // Room for the labels is left between the rows of images.
    const ROOM: usize = 6;
    let room = ROOM * usize::from(!sheet.labels.is_empty());
    let picture = ContactSheet { labels: vec![String::new(); sheet.images.len()], ..copy(sheet) };
    let picture = picture.mosaic(room);
    let (width, height) = (picture.width * SCALE, picture.bytes.len() / picture.width * SCALE);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{}\" \
         font-family=\"sans-serif\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"12\" y=\"27\" font-size=\"20\">{}</text>\n\
         <image y=\"{TITLE}\" width=\"{width}\" height=\"{height}\" \
         style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{}\"/>\n",
        height + TITLE,
        escape(&sheet.title),
        BASE64_STANDARD.encode(picture.png()),
    );
    for (index, label) in sheet.labels.iter().enumerate() {
        let (column, row) = (index % sheet.columns(), index / sheet.columns());
        let x = SCALE * (GAP + column * (sheet.width + GAP) + sheet.width / 2);
        let y = TITLE + SCALE * (GAP + row * (sheet.height + GAP + room) + sheet.height + ROOM);
        svg += &format!(
            "<text x=\"{x}\" y=\"{y}\" font-size=\"14\" text-anchor=\"middle\">{}</text>\n",
            escape(label)
        );
    }
    (svg + "</svg>\n").into_bytes()
}

fn copy<'a>(sheet: &ContactSheet<'a>) -> ContactSheet<'a> {
    ContactSheet {
        title: sheet.title.clone(),
        images: sheet.images.clone(),
        labels: vec![],
        ..*sheet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet<'a>(size: [usize; 3], transposed: bool, images: Vec<&'a [u8]>) -> ContactSheet<'a> {
        let [height, width, channels] = size;
        let labels = vec!["<b>".to_string(); images.len()];
        let title = "a & b".to_string();
        ContactSheet { title, height, width, channels, transposed, images, labels }
    }

    #[test]
    fn images_are_upright_whichever_way_their_bytes_run() {
        // One pixel of ink at x = 2, y = 0 of 2 rows of 3.
        let upright = [0, 0, 200, 0, 0, 0];
        let transposed = [0, 0, 0, 0, 200, 0];
        for (image, transposed) in [(upright, false), (transposed, true)] {
            let picture = sheet([2, 3, 1], transposed, vec![&image]).mosaic(0);
            assert_eq!(picture.bytes.len(), (2 + 2 * GAP) * (3 + 2 * GAP));
            assert_eq!(picture.bytes[GAP * picture.width + GAP + 2], 55);
            assert_eq!(picture.bytes.iter().filter(|&&value| value < 255).count(), 1);
        }
    }

    #[test]
    fn colours_are_shown_by_their_mean() {
        let image = [0, 0, 0, 255, 100, 5];
        let picture = sheet([1, 2, 3], false, vec![&image]).mosaic(0);
        let row = &picture.bytes[GAP * picture.width + GAP..][..2];
        assert_eq!(row, [255, 255 - 120]);
    }

    #[test]
    fn sheets_are_files_that_other_programs_know() {
        let image = [9; 784];
        let sheet = sheet([28, 28, 1], false, vec![&image[..]; 5]);
        let png = contact_sheet_png(&sheet);
        let decoder = png::Decoder::new(std::io::Cursor::new(&png));
        let info = decoder.read_info().unwrap();
        // Three columns, two rows.
        assert_eq!((info.info().width, info.info().height), (3 * 32 + 4, 2 * 41 + 4));
        let svg = String::from_utf8(contact_sheet_svg(&sheet)).unwrap();
        assert_eq!(svg.matches("&lt;b&gt;").count(), 5);
        assert!(svg.contains("a &amp; b") && svg.contains("data:image/png;base64,"));
    }
}
