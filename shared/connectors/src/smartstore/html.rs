//! Descriptions of Smartstore as plain text: they are HTML, one attribute a line.

/// The text of a piece of HTML, its lines joined by commas.
pub(super) fn text(html: &str) -> String {
    let mut lines = vec![String::new()];
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        let (before, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
        push(&mut lines, before);
        rest = if from.starts_with('<') { tag(from, &mut lines) } else { entity(from, &mut lines) };
    }
    push(&mut lines, rest);
    let lines: Vec<&str> = lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect();
    lines.join(", ")
}

fn push(lines: &mut [String], text: &str) {
    if let Some(last) = lines.last_mut() {
        last.push_str(text);
    }
}

/// Goes over a tag; a line ends at `<br />`. What never closes is text.
fn tag<'t>(from: &'t str, lines: &mut Vec<String>) -> &'t str {
    let Some((tag, rest)) = from.split_once('>') else {
        push(lines, from);
        return "";
    };
    let name = tag.trim_start_matches('<').trim_end_matches('/').trim();
    if name.eq_ignore_ascii_case("br") {
        lines.push(String::new());
    }
    rest
}

/// Puts in what an entity stands for. What is none is text.
fn entity<'t>(from: &'t str, lines: &mut [String]) -> &'t str {
    // Not further than an entity is long: a text of nothing but `&` is gone over once.
    let end = from.bytes().take(11).position(|byte| byte == b';');
    let known = end.and_then(|end| Some((from.get(1..end)?, from.get(end.checked_add(1)?..)?)));
    let decoded = known.and_then(|(name, rest)| Some((decoded(name)?, rest)));
    let (found, rest) = decoded.unwrap_or_else(|| ('&', from.get(1..).unwrap_or_default()));
    if let Some(last) = lines.last_mut() {
        last.push(found);
    }
    rest
}

fn decoded(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let hex = number.strip_prefix(['x', 'X']);
        let code = hex.map_or_else(|| number.parse().ok(), |hex| u32::from_str_radix(hex, 16).ok())?;
        return char::from_u32(code).filter(|c| !c.is_control());
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "euro" => '€',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_become_text() {
        for (html, wanted) in [
            ("Farbe: Blau<br />Größe: XL", "Farbe: Blau, Größe: XL"),
            ("a<BR>b<br/><br>c", "a, b, c"),
            ("Von: A &lt;a@b.example&gt; &amp; B&nbsp;&#8364; &#x41;", "Von: A <a@b.example> & B € A"),
            ("<a href=\"/x?a=1&amp;b=2\">Datei</a>", "Datei"),
            ("5 < 6 & 7 &unknown; &", "5 < 6 & 7 &unknown; &"),
            ("&;&äöü;&", "&;&äöü;&"),
            ("", ""),
            ("<br />", ""),
        ] {
            assert_eq!(text(html), wanted, "{html}");
        }
    }
}
