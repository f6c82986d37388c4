//! A person asks for their data, and then for its end.

use std::process::Command;
use std::time::Duration;

use kontor_sandbox::traffic::{Parcel, WOO_BACS, WOO_PREPAID};
use serde_json::{Value, json};

use crate::house::{House, Stands, program};

const MAILBOX: &str = "zacharias@quendelbrot.example";
const PATIENCE: Duration = Duration::from_secs(60);

fn parcel() -> Parcel {
    let mut parcel = WOO_PREPAID.parcel("kaffee", 1, MAILBOX).unwrap();
    let mut order: Value = serde_json::from_str(&parcel.body).unwrap();
    for address in ["billing", "shipping"] {
        order[address]["last_name"] = json!("Quendelbrot");
        order[address]["address_1"] = json!("Markergasse 17");
    }
    parcel.body = order.to_string();
    parcel
}

fn mails(house: &House) -> usize {
    std::fs::read_dir(house.data().join("outbox")).unwrap().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_told_everything_and_then_forgotten() {
    let stands = Stands::start().await;
    let house = House::start(&stands);
    let (first, waiting) = (parcel(), WOO_BACS.parcel("kaffee", 2, "wartet@example.test").unwrap());
    for parcel in [&first, &waiting] {
        stands.place(parcel);
        assert_eq!(house.send(parcel).await, Some(200));
    }
    house.wait("completed", 1, PATIENCE).await;
    house.wait("waiting", 1, PATIENCE).await;
    let (all, shouted) = (mails(&house), MAILBOX.to_uppercase());

    let told = house.ask(&["privacy", "export", "--email", &shouted, "--by", "anna"]);
    assert_eq!(told["orders"].as_array().unwrap().len(), 1, "{told:#}");
    let text = told.to_string();
    for word in [MAILBOX, "Quendelbrot", "Markergasse 17"] {
        assert!(text.contains(word), "{word} is held and not told");
    }
    let theirs = told["mails"].as_array().unwrap().len();
    assert!(theirs > 0 && theirs < all, "{theirs} of {all} mails are theirs");

    let refused = Command::new(program())
        .args(["privacy", "erase", "--email", "wartet@example.test", "--data"])
        .arg(house.data())
        .output()
        .unwrap();
    let why = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(why.contains("order kaffee/2 is waiting") && why.contains("cancel"), "{why}");

    let erased = house.ask(&["privacy", "erase", "--email", MAILBOX, "--by", "anna"]);
    assert_eq!((&erased["orders"], &erased["mails"]), (&json!(["kaffee/1"]), &json!(theirs)));
    assert_eq!(mails(&house), all - theirs);
    // The shop tells the same order once more, and as changed later.
    assert_eq!(house.send(&first).await, Some(200));
    let mut later: Value = serde_json::from_str(&first.body).unwrap();
    later["date_modified_gmt"] = json!("2027-01-01T00:00:00");
    let later = Parcel { body: later.to_string(), ..first.clone() }.told_as("order.updated");
    assert_eq!(house.send(&later).await, Some(200));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let shown = house.ask(&["orders", "show", "kaffee/1"]).to_string();
    for word in ["zacharias", "Quendelbrot", "Markergasse"] {
        assert!(!shown.contains(word), "{word} has come back: {shown}");
    }
    assert!(shown.contains("the personal data was erased") && shown.contains("completed"), "{shown}");
    let books = stands.erp.report();
    assert_eq!((books.sales_orders.len(), books.doubled.len()), (2, 0), "nothing is done twice");

    let acts = house.ask(&["privacy", "acts"]);
    let expected = [("exported", 1), ("erased", 1)];
    let done: Vec<_> = acts.as_array().unwrap().iter().collect();
    assert_eq!(done.len(), expected.len(), "{acts:#}");
    for (act, (deed, orders)) in done.iter().zip(expected) {
        assert_eq!(
            (&act["deed"], &act["by"], &act["orders"]),
            (&json!(deed), &json!("anna"), &json!(orders))
        );
    }
    assert!(!acts.to_string().to_lowercase().contains("quendel"));
}
