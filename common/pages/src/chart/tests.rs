use super::*;
use churn_common::metrics::Estimate;
use roxmltree::{Document, Node};

const HOSTILE: &str = "<b>\"&amp;'</b>";

fn caption(id: &str) -> Caption {
    let title = format!("Page visits of churned users relative to retained users {HOSTILE}");
    Caption::new(id, title, format!("Description {HOSTILE}"))
}

/// One chart of every kind, with names that must be escaped.
fn charts() -> Vec<Chart> {
    let axis = |end| Axis::new(HOSTILE, 0.0..end);
    let estimate = Estimate { value: Some(0.4), low: Some(0.1), high: Some(7.0) };
    let mark = |value| Mark { name: HOSTILE.to_owned(), value, note: HOSTILE.to_owned() };
    let bar = |name: &str, value| Bar { name: name.to_owned(), detail: Some(HOSTILE.to_owned()), value };
    let points = vec![(0.0, 0.1), (0.5, 0.6), (1.0, 0.4)];
    let intervals = Form::Intervals(vec![(0.0, 0.2), (0.5, 0.7), (0.3, 0.5)]);
    let series = [Form::Line, Form::Guide, Form::Dots, intervals]
        .map(|form| Series::new(form, FIRST, points.clone()).named("offers at or above the threshold"));
    [
        Bars {
            caption: caption("bars"),
            x: axis(2.0),
            bars: vec![bar(HOSTILE, 1.7), bar(&"long name ".repeat(9), 0.0)],
        }
        .draw(),
        Lines { caption: caption("lines"), x: axis(1.0), y: axis(1.0), series: series.into() }.draw(),
        Whiskers {
            caption: caption("whiskers"),
            x: axis(1.0),
            marks: vec![mark(estimate), mark(Estimate::UNDEFINED)],
            guide: Some(0.5),
        }
        .draw(),
        Grid {
            caption: caption("grid"),
            columns: ("predicted", ["stays", "churns"]),
            rows: ("actual", ["stayed", "churned"]),
            cells: [[(90, "true negatives"), (10, "false positives")], [(0, "false negatives"), (0, "true positives")]],
        }
        .draw(),
    ]
    .map(Result::unwrap)
    .into()
}

fn texts<'a>(document: &'a Document<'_>) -> Vec<&'a str> {
    let is_text = |node: &Node<'_, '_>| node.tag_name().name() == "text";
    document.descendants().filter(is_text).filter_map(|node| node.text()).map(str::trim).collect()
}

#[test]
fn charts_are_well_formed_and_have_texts_for_screen_readers() {
    for chart in charts() {
        let document = Document::parse(&chart.svg).unwrap_or_else(|e| panic!("{}: {e}", chart.id));
        let root = document.root_element();
        assert_eq!((root.tag_name().name(), root.attribute("role")), ("svg", Some("img")), "{}", chart.id);
        let ids: Vec<&str> = root.attribute("aria-labelledby").unwrap().split(' ').collect();
        for (id, text) in ids.into_iter().zip([&chart.title, &chart.description]) {
            let node = document.descendants().find(|node| node.attribute("id") == Some(id)).unwrap();
            assert_eq!(node.text(), Some(text.as_str()));
        }
        assert!(texts(&document).join(" ").contains(&chart.title), "{}", chart.id);
    }
}

/// Of the screen of a phone, without the margins of the page: `padding: 1rem` of the body.
const PHONE_WIDTH: f64 = 390.0 - 2.0 * 16.0;

fn number(node: Node<'_, '_>, name: &str) -> f64 {
    node.attribute(name).unwrap().parse().unwrap()
}

#[test]
fn text_of_a_chart_has_11_pixels_on_a_phone() {
    assert!(crate::page::STYLE.contains("body { margin: 0 auto; padding: 1rem;"));
    for chart in charts() {
        let document = Document::parse(&chart.svg).unwrap();
        let root = document.root_element();
        assert_eq!(root.attribute("viewBox"), Some(format!("0 0 600 {}", number(root, "height"))).as_deref());
        let scale = PHONE_WIDTH / number(root, "width");
        for node in document.descendants().filter(|node| node.tag_name().name() == "text") {
            let size = number(node, "font-size") * scale;
            assert!(size >= 11.0, "{}: {size} px: {:?}", chart.id, node.text());
        }
    }
}

/// Long titles, names, notes and legends used to be cut at the edge of the chart, and notes were over each other.
#[test]
fn text_of_a_chart_is_inside_of_it_and_not_over_other_text() {
    for chart in charts() {
        let document = Document::parse(&chart.svg).unwrap();
        let root = document.root_element();
        let (width, height) = (number(root, "width"), number(root, "height"));
        let is_text = |node: &Node<'_, '_>| node.tag_name().name() == "text";
        let boxes: Vec<_> = document.descendants().filter(is_text).map(|node| (bounds(node), node.text())).collect();
        for (at, (([left, right, top, bottom], text), others)) in
            boxes.iter().enumerate().map(|(at, one)| (at, (one, &boxes[..at])))
        {
            assert!(*left >= 0.0 && *right <= width && *top >= 0.0 && *bottom <= height, "{} {at}: {text:?}", chart.id);
            for ([l, r, t, b], other) in others {
                let is_over = left < r && l < right && top < b && t < bottom;
                assert!(!is_over, "{}: {text:?} and {other:?}", chart.id);
            }
        }
    }
}

/// Left, right, top and bottom of a text, in a wide font.
fn bounds(node: Node<'_, '_>) -> [f64; 4] {
    let (x, y, size) = (number(node, "x"), number(node, "y"), number(node, "font-size"));
    let width = node.text().unwrap().trim().chars().count() as f64 * size * 0.55;
    let left = match node.attribute("text-anchor") {
        Some("end") => x - width,
        Some("middle") => x - width / 2.0,
        _ => x,
    };
    // Of small letters: a descender may be over an ascender of the next line.
    let middle = if node.attribute("dy") == Some("0.76em") { y + 0.38 * size } else { y };
    [left, left + width, middle - 0.38 * size, middle + 0.38 * size]
}

#[test]
fn grid_cell_has_its_count_and_share_of_the_row() {
    let grid = charts().pop().unwrap();
    let document = Document::parse(&grid.svg).unwrap();
    let texts = texts(&document);
    for text in ["90", "90.0 % of the row", "10.0 % of the row", "true positives", "0.0 % of the row"] {
        assert!(texts.contains(&text), "{text}: {texts:?}");
    }
}
