//! Nothing stays behind, however a control plane ends.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anchorwatch_testbed::{ControlPlane, Options};

/// Fields of `/proc/ID/stat` after the program's name: state and parent.
fn state_and_parent(id: u32) -> Option<(String, u32)> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

/// A zombie does nothing any more; who reaps it is not our affair.
fn runs(id: u32) -> bool {
    state_and_parent(id).is_some_and(|(state, _)| state != "Z")
}

fn children_of(parent: u32) -> Vec<u32> {
    let ids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    ids.filter(|id| state_and_parent(*id).is_some_and(|(_, of)| of == parent)).collect()
}

fn all_end(ids: &[u32]) -> bool {
    let end = Instant::now() + Duration::from_secs(20);
    while Instant::now() < end {
        if !ids.iter().any(|id| runs(*id)) {
            return true;
        }
        thread::sleep(Duration::from_millis(50));
    }
    false
}

/// `testbed up`, its folder and its servers.
struct Holder {
    process: Child,
    folder: PathBuf,
    servers: Vec<u32>,
}

fn holder() -> Holder {
    let mut command = Command::new(env!("CARGO_BIN_EXE_testbed"));
    let mut process = command.arg("up").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut kubeconfig = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut kubeconfig).unwrap();
    let servers = children_of(process.id());
    assert_eq!(servers.len(), 5, "etcd, API server, controller manager, scheduler, kwok");
    let folder = PathBuf::from(kubeconfig.trim()).parent().unwrap().to_owned();
    Holder { process, folder, servers }
}

#[test]
fn a_dropped_control_plane_leaves_no_process_and_no_folder() {
    let plane = ControlPlane::start(&Options::with_controllers()).unwrap();
    let (servers, folder) = (plane.process_ids(), plane.folder().to_owned());
    assert!(servers.len() == 3 && servers.iter().all(|id| runs(*id)));
    drop(plane);
    assert!(!servers.iter().any(|id| runs(*id)));
    assert!(!folder.exists());
}

#[test]
fn closing_the_input_of_testbed_up_ends_everything() {
    let mut holder = holder();
    drop(holder.process.stdin.take());
    assert!(all_end(&holder.servers));
    assert!(all_end(&[holder.process.id()]));
    assert!(holder.process.wait().unwrap().success());
    assert!(!holder.folder.exists());
}

#[test]
fn a_killed_holder_leaves_no_process_and_its_folder_goes_with_the_next_start() {
    let mut holder = holder();
    holder.process.kill().unwrap();
    holder.process.wait().unwrap();
    assert!(all_end(&holder.servers), "still running: {:?}", holder.servers);
    drop(ControlPlane::start(&Options::api_only()).unwrap());
    assert!(!holder.folder.exists());
}
