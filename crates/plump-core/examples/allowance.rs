//! Prints what `workers: 'auto'` finds here, as JSON. `ci/cgroup.sh` runs it inside of control groups.

use plump_core::platform::Allowance;

fn main() {
    let allowance = Allowance::look(0);
    match serde_json::to_string_pretty(&allowance) {
        Ok(json) => println!("{json}"),
        Err(error) => eprintln!("{error}"),
    }
}
