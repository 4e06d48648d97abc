//! Line and bar charts as inline SVG. Colours are classes, so the page's style decides them.

use std::fmt::Write;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 280.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 44.0;
const BAR_HEIGHT: f64 = 22.0;

/// A named line.
pub(crate) struct Line<'a> {
    pub(crate) name: &'a str,
    /// Which of the page's colours.
    pub(crate) colour: usize,
    pub(crate) points: Vec<(f64, f64)>,
}

/// How an axis is divided.
pub(crate) enum Ticks {
    /// Round numbers from zero.
    Even,
    /// Given places with their labels.
    At(Vec<(f64, String)>),
}

/// A chart of lines over a common axis.
pub(crate) struct LineChart<'a> {
    pub(crate) title: &'a str,
    pub(crate) x_label: &'a str,
    pub(crate) y_label: &'a str,
    pub(crate) x_ticks: Ticks,
    /// A logarithmic vertical axis, from one decade to another.
    pub(crate) y_log: bool,
    pub(crate) lines: Vec<Line<'a>>,
}

/// The chart, or nothing when there is nothing to draw.
pub(crate) fn lines(chart: &LineChart<'_>) -> String {
    let points: Vec<(f64, f64)> = chart
        .lines
        .iter()
        .flat_map(|line| line.points.iter().copied())
        .collect();
    if points.len() < 2 {
        return String::new();
    }
    let height_of = |y: f64| if chart.y_log { y.max(0.1).log10() } else { y };
    let x_max = points
        .iter()
        .map(|point| point.0)
        .fold(0.0, f64::max)
        .max(1e-9);
    let y_top = points
        .iter()
        .map(|point| height_of(point.1))
        .fold(f64::MIN, f64::max);
    let y_low = points
        .iter()
        .map(|point| height_of(point.1))
        .fold(f64::MAX, f64::min);
    let y_ticks = if chart.y_log {
        decades(y_low, y_top)
    } else {
        even(y_top)
    };
    let x_ticks = match &chart.x_ticks {
        Ticks::Even => even(x_max),
        Ticks::At(ticks) => ticks
            .iter()
            .filter(|(x, _)| *x <= x_max * 1.001)
            .cloned()
            .collect(),
    };
    let y_min = y_ticks.first().map_or(0.0, |tick| tick.0);
    let y_max = y_ticks.last().map_or(1.0, |tick| tick.0).max(y_min + 1e-9);
    let place_x = |x: f64| LEFT + x / x_max * (WIDTH - LEFT - RIGHT);
    let place_y =
        |y: f64| HEIGHT - BOTTOM - (y - y_min) / (y_max - y_min) * (HEIGHT - TOP - BOTTOM);

    let mut svg = opened(chart.title, HEIGHT);
    let y_places: Vec<_> = y_ticks
        .iter()
        .map(|(y, label)| (place_y(*y), label.as_str()))
        .collect();
    let x_places: Vec<_> = x_ticks
        .iter()
        .map(|(x, label)| (place_x(*x), label.as_str()))
        .collect();
    svg.push_str(&grid(chart, &x_places, &y_places));
    for line in &chart.lines {
        let places: Vec<String> = line
            .points
            .iter()
            .map(|(x, y)| format!("{:.1},{:.1}", place_x(*x), place_y(height_of(*y))))
            .collect();
        let _ = write!(
            svg,
            r#"<polyline class="line c{}" points="{}"/>"#,
            line.colour,
            places.join(" ")
        );
    }
    svg.push_str("</svg>");
    svg.push_str(&legend(&chart.lines));
    svg.push_str("</figure>");
    svg
}

/// The grid with its labels, and the names of the axes.
fn grid(chart: &LineChart<'_>, x_places: &[(f64, &str)], y_places: &[(f64, &str)]) -> String {
    let mut svg = String::new();
    for (at, label) in y_places {
        let _ = write!(
            svg,
            r#"<line class="grid" x1="{LEFT}" x2="{:.1}" y1="{at:.1}" y2="{at:.1}"/>"#,
            WIDTH - RIGHT
        );
        let _ = write!(
            svg,
            r#"<text class="end" x="{}" y="{:.1}">{label}</text>"#,
            LEFT - 8.0,
            at + 4.0
        );
    }
    let bottom = HEIGHT - BOTTOM;
    for (at, label) in x_places {
        let _ = write!(
            svg,
            r#"<line class="grid" x1="{at:.1}" x2="{at:.1}" y1="{TOP}" y2="{bottom}"/>"#
        );
        let _ = write!(
            svg,
            r#"<text class="mid" x="{at:.1}" y="{}">{label}</text>"#,
            bottom + 17.0
        );
    }
    let middle = LEFT + (WIDTH - LEFT - RIGHT) / 2.0;
    let _ = write!(
        svg,
        r#"<text class="mid name" x="{middle}" y="{}">{}</text>"#,
        HEIGHT - 8.0,
        chart.x_label
    );
    let up = (HEIGHT - BOTTOM + TOP) / 2.0;
    let turned = format!(r#"transform="rotate(-90 14 {up})" x="14" y="{up}""#);
    let _ = write!(
        svg,
        r#"<text class="mid name" {turned}>{}</text>"#,
        chart.y_label
    );
    svg
}

/// A horizontal bar.
pub(crate) struct Bar<'a> {
    pub(crate) name: &'a str,
    pub(crate) colour: usize,
    pub(crate) value: f64,
    /// What is written beside it.
    pub(crate) label: String,
}

/// Bars one below the other.
pub(crate) fn bars(title: &str, bars: &[Bar<'_>]) -> String {
    let most = bars.iter().map(|bar| bar.value).fold(0.0, f64::max);
    if most <= 0.0 {
        return String::new();
    }
    let mut svg = opened(title, BAR_HEIGHT * 1.4 * bars.len() as f64 + 8.0);
    for (number, bar) in bars.iter().enumerate() {
        let Bar {
            name,
            colour,
            value,
            label,
        } = bar;
        let top = 4.0 + BAR_HEIGHT * 1.4 * number as f64;
        let width = value / most * (WIDTH - 260.0);
        let text = top + BAR_HEIGHT * 0.7;
        let _ = write!(
            svg,
            r#"<text class="end" x="92" y="{text:.1}">{name}</text>"#
        );
        let _ = write!(
            svg,
            r#"<rect class="bar c{colour}" x="100" y="{top:.1}" width="{width:.1}" height="{BAR_HEIGHT}" rx="3"/>"#
        );
        let _ = write!(
            svg,
            r#"<text x="{:.1}" y="{text:.1}">{label}</text>"#,
            108.0 + width
        );
    }
    svg.push_str("</svg></figure>");
    svg
}

fn opened(title: &str, height: f64) -> String {
    format!(
        r#"<figure><figcaption>{title}</figcaption><svg viewBox="0 0 {WIDTH} {height:.0}" role="img" aria-label="{title}">"#
    )
}

fn legend(lines: &[Line<'_>]) -> String {
    if lines.len() < 2 {
        return String::new();
    }
    let items: String = lines
        .iter()
        .map(|line| format!(r#"<span class="k{}">{}</span>"#, line.colour, line.name))
        .collect();
    format!(r#"<p class="legend">{items}</p>"#)
}

/// Five or so round steps from zero to `top`.
fn even(top: f64) -> Vec<(f64, String)> {
    let top = if top > 0.0 { top } else { 1.0 };
    let rough = top / 5.0;
    let magnitude = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0]
        .map(|factor| factor * magnitude)
        .into_iter()
        .find(|step| *step >= rough);
    let step = step.unwrap_or(rough);
    (0..=(top / step).ceil() as u32)
        .map(|n| (f64::from(n) * step, short(f64::from(n) * step)))
        .collect()
}

/// Powers of ten around the range, given as logarithms.
fn decades(low: f64, top: f64) -> Vec<(f64, String)> {
    let (low, top) = (
        low.floor() as i32,
        (top.ceil() as i32).max(low.floor() as i32 + 1),
    );
    (low..=top)
        .map(|power| (f64::from(power), short(10f64.powi(power))))
        .collect()
}

/// A number as short as it can be read.
pub(crate) fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 1e6 => format!("{} M", trimmed(value / 1e6)),
        v if v >= 1e4 => format!("{} k", trimmed(value / 1e3)),
        _ => trimmed(value),
    }
}

fn trimmed(value: f64) -> String {
    let places = if value.abs() >= 100.0 {
        0
    } else if value.abs() >= 10.0 {
        1
    } else {
        2
    };
    let text = format!("{value:.places$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_steps_that_reach_the_top() {
        for top in [0.003, 0.7, 1.0, 7.3, 99.0, 123_456.0] {
            let ticks = even(top);
            assert!((4..=7).contains(&ticks.len()), "{top}: {ticks:?}");
            assert!(ticks.last().unwrap().0 >= top);
        }
        assert_eq!(
            decades(0.3, 2.1)
                .iter()
                .map(|tick| tick.1.as_str())
                .collect::<Vec<_>>(),
            ["1", "10", "100", "1000"]
        );
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [short(0.0), short(2.50), short(12_300.0), short(4e6)],
            ["0", "2.5", "12.3 k", "4 M"]
        );
    }

    #[test]
    fn an_empty_chart_is_left_out() {
        let chart = LineChart {
            title: "",
            x_label: "",
            y_label: "",
            x_ticks: Ticks::Even,
            y_log: false,
            lines: vec![],
        };
        assert_eq!(lines(&chart), "");
        assert_eq!(bars("", &[]), "");
    }
}
