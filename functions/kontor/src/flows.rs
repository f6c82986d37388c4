//! `kontor flow`: check and draw flows.

use std::path::Path;
use std::process::ExitCode;

use kontor_flow::Flow;
use kontor_flow::remedy::BoxError;

use crate::args::Flows;
use crate::check;
use crate::fault::Wrong;
use crate::office::{Answer, Question, ask};
use crate::orders::unexpected;
use crate::out::Out;
use crate::run::WRONG;

pub(crate) async fn run(what: Flows, out: Out) -> Result<ExitCode, BoxError> {
    match what {
        Flows::Check { files } => {
            let mut problems = Vec::new();
            for file in &files {
                problems.extend(parse(file)?.err().unwrap_or_default());
            }
            out.show(&serde_json::json!({ "problems": problems }), |_| {
                match (problems.as_slice(), files.len()) {
                    ([], 1) => "the flow is sound".to_owned(),
                    ([], count) => format!("{count} flows are sound"),
                    (problems, _) => problems.join("\n"),
                }
            })?;
            Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(WRONG) })
        }
        Flows::Draw { file, svg, order, data } => {
            let flow = match parse(&file)? {
                Ok(flow) => flow,
                Err(problems) => {
                    return check::refuse(&problems, out);
                }
            };
            let order = match order {
                Some(key) => {
                    let missing = format!("there is no order {key}");
                    let answer = ask(&data, Question::Order { key }).await?;
                    let Answer::Order(order) = answer else { return Err(unexpected()) };
                    Some(order.ok_or(missing)?.0)
                }
                None => None,
            };
            let picture = if svg { flow.svg(order.as_ref()) } else { flow.mermaid(order.as_ref()) };
            out.show(&serde_json::json!({ "drawing": picture }), |_| picture.clone())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn parse(file: &Path) -> Result<Result<Flow, Vec<String>>, BoxError> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Wrong(format!("{} cannot be read ({error}); flows lie in `flows`", file.display()))
    })?;
    let flow = Flow::parse(&file.display().to_string(), &text);
    Ok(flow.map_err(|problems| problems.iter().map(ToString::to_string).collect()))
}
