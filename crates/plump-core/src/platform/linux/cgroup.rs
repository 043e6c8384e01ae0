//! What the control groups around this process allow it.
//!
//! System calls: `read` of `/proc/self/cgroup`, `/proc/self/mountinfo`, `/proc/meminfo` and files below the mounts of
//! control groups.
//!
//! A process is in a group of each hierarchy, and the limits of all groups from its own up to the root hold together. So
//! every folder from its group up to the mount point is read, and the tightest limit counts. What lies above the mount
//! point can't be seen from inside a container.
//!
//! | | version 2 | version 1 |
//! |---|---|---|
//! | CPU time | `cpu.max` | `cpu.cfs_quota_us`, `cpu.cfs_period_us` |
//! | memory | `memory.max`, `memory.high` (1) | `memory.limit_in_bytes` |
//! | of it in use (2) | `memory.current` | `memory.usage_in_bytes` |
//! | of that given back at once | `inactive_file` of `memory.stat` | `total_inactive_file` of `memory.stat` |
//!
//! 1. Above `memory.high` nothing is killed, but the kernel slows the group down until it has given memory back: no place
//!    for workers either.
//! 2. What the group uses already, this process among it, is not there for workers; the limit alone would fill a container
//!    up to it and then count the host on top. Files that nobody looks at do not count as use, or reading a large file
//!    would make the pool small.
//!
//! On a hybrid system each controller is in a hierarchy of version 1 or 2, and the files of the other are absent. So both
//! are read without asking which it is; a file that is absent or unreadable is no limit.
//!
//! The `cpuset` of a group needs no look: it is what `sched_getaffinity` gives. A hierarchy of version 1 that is not
//! hierarchical (`memory.use_hierarchy` 0, gone since Linux 5.11) is read as if it were: too few workers rather than a kill.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::platform::{ContainerLimits, CpuQuota};

/// Version 1 has no word for "no limit", only the largest number of pages. Nobody means an exbibyte.
const NO_LIMIT_BYTES: u64 = 1 << 60;

/// What the control groups around this process, and the machine, allow it.
#[must_use]
pub fn container_limits() -> ContainerLimits {
    limits_below(Path::new("/"))
}

/// The same where the system's files are in another folder.
fn limits_below(root: &Path) -> ContainerLimits {
    let own = read(&root.join("proc/self/cgroup")).unwrap_or_default();
    let mounts = read(&root.join("proc/self/mountinfo")).unwrap_or_default();
    let folders = |controller| {
        groups(&own, &mounts, controller)
            .into_iter()
            .map(|(version, folder)| {
                (
                    version,
                    root.join(folder.strip_prefix("/").unwrap_or(&folder)),
                )
            })
    };
    let mut limits = ContainerLimits {
        memory_available_bytes: read(&root.join("proc/meminfo"))
            .as_deref()
            .and_then(available_bytes),
        ..ContainerLimits::default()
    };
    for (version, folder) in folders("cpu") {
        if let Some(quota) = read_quota(version, &folder)
            && limits
                .cpu_quota
                .is_none_or(|tightest| quota.is_tighter_than(tightest))
        {
            limits.cpu_quota = Some(quota);
        }
    }
    for (version, folder) in folders("memory") {
        if let Some((limit, used)) = read_memory(version, &folder) {
            let tighter = |known: Option<u64>, found: u64| {
                Some(known.map_or(found, |known| known.min(found)))
            };
            limits.memory_limit_bytes = tighter(limits.memory_limit_bytes, limit);
            limits.memory_available_bytes =
                tighter(limits.memory_available_bytes, limit.saturating_sub(used));
        }
    }
    limits
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// A hierarchy of control groups that can be seen.
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    version: Version,
    /// Its controllers, separated by commas, among other things that have no such names; for version 1.
    options: String,
    /// The group that is at the mount point.
    root: PathBuf,
    point: PathBuf,
}

/// The folders of the groups around this process that may limit what `controller` controls, its own first.
fn groups(own: &str, mountinfo: &str, controller: &str) -> Vec<(Version, PathBuf)> {
    let mut found = Vec::new();
    for version in [Version::Two, Version::One] {
        let Some(group) = own_group(own, version, controller) else {
            continue;
        };
        let seen = mountinfo.lines().filter_map(mount).filter(|mount| {
            mount.version == version
                && (version == Version::Two || lists(&mount.options, controller))
        });
        found.extend(
            folders_of(Path::new(group), seen)
                .into_iter()
                .map(|folder| (version, folder)),
        );
    }
    found
}

/// The group of this process, by a line of `/proc/self/cgroup`: `number:controllers:path`.
fn own_group<'a>(own: &'a str, version: Version, controller: &str) -> Option<&'a str> {
    own.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (number, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        let is_it = match version {
            Version::Two => number == "0" && controllers.is_empty(),
            Version::One => lists(controllers, controller),
        };
        is_it.then_some(path)
    })
}

fn lists(names: &str, name: &str) -> bool {
    names.split(',').any(|listed| listed == name)
}

/// The mount of a hierarchy, by a line of `/proc/self/mountinfo`:
/// `id parent device root point options [field…] - type source options`.
fn mount(line: &str) -> Option<Mount> {
    // A space in a path is written as `\040`.
    let (place, kind) = line.split_once(" - ")?;
    let mut place = place.split(' ').skip(3);
    let (root, point) = (place.next()?, place.next()?);
    let mut kind = kind.split(' ');
    let version = match kind.next()? {
        "cgroup2" => Version::Two,
        "cgroup" => Version::One,
        _ => return None,
    };
    Some(Mount {
        version,
        options: kind.nth(1).unwrap_or_default().to_owned(),
        root: unescaped(root).into(),
        point: unescaped(point).into(),
    })
}

/// Undoes the three octal digits after a backslash that stand for white space and for the backslash.
fn unescaped(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let escaped = part
            .get(..3)
            .and_then(|digits| u8::from_str_radix(digits, 8).ok())
            .filter(u8::is_ascii);
        if let Some(byte) = escaped {
            plain.push(char::from(byte));
            plain.push_str(&part[3..]);
        } else {
            plain.push('\\');
            plain.push_str(part);
        }
    }
    plain
}

/// The folders from `group` up to the mount point of that mount which shows most of them.
fn folders_of(group: &Path, mounts: impl Iterator<Item = Mount>) -> Vec<PathBuf> {
    let mut best: Option<(Mount, Option<PathBuf>)> = None;
    for mount in mounts {
        let below = group
            .strip_prefix(&mount.root)
            .ok()
            // Seen from a namespace of groups, one that lies outside of it begins with `/..`.
            .filter(|below| !below.components().any(|part| part == Component::ParentDir))
            .map(Path::to_path_buf);
        let depth =
            |below: &Option<PathBuf>| below.as_ref().map(|below| below.components().count());
        // The later of equals: it is mounted over the earlier, or shows the same.
        if best
            .as_ref()
            .is_none_or(|(_, known)| depth(&below) >= depth(known))
        {
            best = Some((mount, below));
        }
    }
    let Some((mount, below)) = best else {
        return Vec::new();
    };
    // A mount that does not show the group (its root is named from outside of the namespace) most likely shows the
    // container's own one: that is what container engines mount.
    let below = below.unwrap_or_default();
    below
        .ancestors()
        .map(|below| {
            if below.as_os_str().is_empty() {
                mount.point.clone()
            } else {
                mount.point.join(below)
            }
        })
        .collect()
}

fn read_quota(version: Version, folder: &Path) -> Option<CpuQuota> {
    match version {
        Version::Two => cpu_max(&read(&folder.join("cpu.max"))?),
        Version::One => {
            let quota = read(&folder.join("cpu.cfs_quota_us"))?;
            let period = read(&folder.join("cpu.cfs_period_us"))?;
            cpu_quota(&quota, &period)
        }
    }
}

/// `quota period`, or `max period`.
fn cpu_max(text: &str) -> Option<CpuQuota> {
    let (quota, period) = text.trim_end().split_once(' ')?;
    cpu_quota(quota, period)
}

/// Without a quota that is `max` or -1.
fn cpu_quota(quota: &str, period: &str) -> Option<CpuQuota> {
    let quota_us: u64 = quota.trim_end().parse().ok()?;
    let period_us: u64 = period.trim_end().parse().ok()?;
    (quota_us > 0 && period_us > 0).then_some(CpuQuota {
        quota_us,
        period_us,
    })
}

/// The limit of a group, and how much of it is in use, bytes.
fn read_memory(version: Version, folder: &Path) -> Option<(u64, u64)> {
    let (limits, current, inactive): (&[_], _, _) = match version {
        Version::Two => (
            &["memory.max", "memory.high"],
            "memory.current",
            "inactive_file",
        ),
        Version::One => (
            &["memory.limit_in_bytes"],
            "memory.usage_in_bytes",
            "total_inactive_file",
        ),
    };
    let limit = limits
        .iter()
        .filter_map(|name| byte_limit(&read(&folder.join(name))?))
        .min()?;
    let current = read(&folder.join(current))
        .and_then(|text| text.trim_end().parse().ok())
        .unwrap_or(0_u64);
    let given_back = read(&folder.join("memory.stat"))
        .and_then(|text| number_after(&text, inactive))
        .unwrap_or(0);
    Some((limit, current.saturating_sub(given_back)))
}

/// A limit in bytes: `max` and numbers that nobody means are none.
fn byte_limit(text: &str) -> Option<u64> {
    text.trim_end()
        .parse()
        .ok()
        .filter(|bytes| *bytes < NO_LIMIT_BYTES)
}

/// `MemAvailable` of `/proc/meminfo`, bytes. Kernels before 3.14 lack it; nothing is made up from other lines.
fn available_bytes(meminfo: &str) -> Option<u64> {
    number_after(meminfo, "MemAvailable:")?.checked_mul(1024)
}

/// The number in the line that begins with that word.
fn number_after(text: &str, word: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        (fields.next()? == word).then(|| fields.next()?.parse().ok())?
    })
}

/// Paths of any bytes stand in these files; those that are no UTF-8 can't be those of a group that is found, and must not
/// hide the others.
fn read(path: &Path) -> Option<String> {
    let bytes = fs::read(path).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    const MIB: u64 = 1 << 20;

    /// The files of a system in a folder of their own.
    struct System {
        root: PathBuf,
    }

    impl System {
        fn with(files: &[(&str, &str)]) -> Self {
            static COUNT: AtomicU32 = AtomicU32::new(0);
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("plump-cgroup-{}-{number}", std::process::id());
            let root = std::env::temp_dir().join(name);
            for (path, text) in files {
                let path = root.join(path);
                fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
                fs::write(path, text).expect("a writable folder");
            }
            Self { root }
        }

        fn limits(&self) -> ContainerLimits {
            limits_below(&self.root)
        }
    }

    impl Drop for System {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.root);
        }
    }

    fn quota(quota_us: u64, period_us: u64) -> CpuQuota {
        CpuQuota {
            quota_us,
            period_us,
        }
    }

    /// A service of systemd, everything in version 2.
    const V2_OWN: &str = "0::/system.slice/app.slice/web.service\n";
    const V2_MOUNTS: &str = "\
24 30 0:22 / /proc rw,nosuid,nodev,noexec,relatime shared:13 - proc proc rw
25 30 0:23 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
30 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw,errors=remount-ro
33 25 0:29 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot
";

    #[test]
    fn the_tightest_of_nested_groups_counts() {
        let system = System::with(&[
            ("proc/self/cgroup", V2_OWN),
            ("proc/self/mountinfo", V2_MOUNTS),
            (
                "proc/meminfo",
                "MemTotal: 16384000 kB\nMemFree: 100 kB\nMemAvailable:    8388608 kB\n",
            ),
            // The root has no such files.
            (
                "sys/fs/cgroup/cgroup.controllers",
                "cpuset cpu io memory pids\n",
            ),
            ("sys/fs/cgroup/system.slice/cpu.max", "max 100000\n"),
            ("sys/fs/cgroup/system.slice/memory.max", "max\n"),
            ("sys/fs/cgroup/system.slice/memory.high", "max\n"),
            (
                "sys/fs/cgroup/system.slice/app.slice/cpu.max",
                "30000 20000\n",
            ),
            (
                "sys/fs/cgroup/system.slice/app.slice/memory.max",
                "536870912\n",
            ),
            ("sys/fs/cgroup/system.slice/app.slice/memory.high", "max\n"),
            (
                "sys/fs/cgroup/system.slice/app.slice/memory.current",
                "314572800\n",
            ),
            (
                "sys/fs/cgroup/system.slice/app.slice/memory.stat",
                "anon 104857600\nfile 209715200\nactive_file 104857600\ninactive_file 104857600\n",
            ),
            (
                "sys/fs/cgroup/system.slice/app.slice/web.service/cpu.max",
                "400000 100000\n",
            ),
            (
                "sys/fs/cgroup/system.slice/app.slice/web.service/memory.max",
                "1073741824\n",
            ),
            (
                "sys/fs/cgroup/system.slice/app.slice/web.service/memory.current",
                "209715200\n",
            ),
        ]);
        let expected = ContainerLimits {
            cpu_quota: Some(quota(30_000, 20_000)),
            memory_limit_bytes: Some(512 * MIB),
            // 512 without the 300 that are used, 100 of which are given back at once.
            memory_available_bytes: Some(312 * MIB),
        };
        assert_eq!(system.limits(), expected);
    }

    #[test]
    fn what_is_above_the_high_mark_is_no_place_for_workers() {
        let system = System::with(&[
            ("proc/self/cgroup", V2_OWN),
            ("proc/self/mountinfo", V2_MOUNTS),
            (
                "sys/fs/cgroup/system.slice/app.slice/web.service/memory.max",
                "max\n",
            ),
            (
                "sys/fs/cgroup/system.slice/app.slice/web.service/memory.high",
                "268435456\n",
            ),
            (
                "sys/fs/cgroup/system.slice/app.slice/web.service/memory.current",
                "268439552\n",
            ),
        ]);
        let limits = system.limits();
        assert_eq!(limits.memory_limit_bytes, Some(256 * MIB));
        assert_eq!(
            limits.memory_available_bytes,
            Some(0),
            "it is over the mark"
        );
    }

    #[test]
    fn a_machine_with_more_memory_than_its_groups_allow_and_the_other_way_round() {
        let mut files = vec![
            ("proc/self/cgroup", V2_OWN),
            ("proc/self/mountinfo", V2_MOUNTS),
            ("sys/fs/cgroup/system.slice/memory.max", "1073741824\n"),
            ("proc/meminfo", "MemAvailable: 2097152 kB\n"),
        ];
        assert_eq!(
            System::with(&files).limits().memory_available_bytes,
            Some(1024 * MIB)
        );
        files[3].1 = "MemAvailable: 524288 kB\n";
        assert_eq!(
            System::with(&files).limits().memory_available_bytes,
            Some(512 * MIB)
        );
        files[3].1 = "MemFree: 524288 kB\n";
        assert_eq!(
            System::with(&files).limits().memory_available_bytes,
            Some(1024 * MIB)
        );
    }

    #[test]
    fn a_container_in_a_namespace_of_its_own_finds_its_limits_at_the_mount_point() {
        let system = System::with(&[
            ("proc/self/cgroup", "0::/\n"),
            (
                "proc/self/mountinfo",
                "1467 1460 0:29 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate\n",
            ),
            ("sys/fs/cgroup/cpu.max", "50000 100000\n"),
            ("sys/fs/cgroup/memory.max", "134217728\n"),
        ]);
        assert_eq!(system.limits().cpu_quota, Some(quota(50_000, 100_000)));
        assert_eq!(system.limits().memory_limit_bytes, Some(128 * MIB));
    }

    /// Docker with version 1 and no namespace of groups: the mounts show the container's own group alone.
    const DOCKER: &str = "/docker/3f1ac5d7e6b0";
    const DOCKER_OWN: &str = "\
12:rdma:/
11:memory:/docker/3f1ac5d7e6b0
8:cpuset:/docker/3f1ac5d7e6b0
4:cpu,cpuacct:/docker/3f1ac5d7e6b0
1:name=systemd:/docker/3f1ac5d7e6b0
0::/system.slice/containerd.service
";
    const DOCKER_MOUNTS: &str = "\
1203 1201 0:29 /docker/3f1ac5d7e6b0 /sys/fs/cgroup/systemd ro,nosuid,nodev,noexec,relatime master:11 - cgroup cgroup rw,xattr,name=systemd
1206 1201 0:33 /docker/3f1ac5d7e6b0 /sys/fs/cgroup/cpu,cpuacct ro,nosuid,nodev,noexec,relatime master:16 - cgroup cgroup rw,cpu,cpuacct
1213 1201 0:40 /docker/3f1ac5d7e6b0 /sys/fs/cgroup/memory ro,nosuid,nodev,noexec,relatime master:23 - cgroup cgroup rw,memory
1209 1201 0:36 /docker/3f1ac5d7e6b0 /sys/fs/cgroup/cpuset ro,nosuid,nodev,noexec,relatime master:19 - cgroup cgroup rw,cpuset
";

    #[test]
    fn a_container_of_version_1_without_a_namespace_finds_its_limits_too() {
        assert!(DOCKER_MOUNTS.contains(DOCKER));
        let system = System::with(&[
            ("proc/self/cgroup", DOCKER_OWN),
            ("proc/self/mountinfo", DOCKER_MOUNTS),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "250000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "268435456\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "201326592\n"),
            (
                "sys/fs/cgroup/memory/memory.stat",
                "cache 1\ninactive_file 1048576\nhierarchical_memory_limit 268435456\ntotal_inactive_file 67108864\n",
            ),
        ]);
        let expected = ContainerLimits {
            cpu_quota: Some(quota(250_000, 100_000)),
            memory_limit_bytes: Some(256 * MIB),
            memory_available_bytes: Some(128 * MIB),
        };
        assert_eq!(system.limits(), expected);
    }

    #[test]
    fn a_group_made_inside_a_container_lies_below_its_mount_point() {
        let own = DOCKER_OWN.replace(DOCKER, "/docker/3f1ac5d7e6b0/job");
        let system = System::with(&[
            ("proc/self/cgroup", &own),
            ("proc/self/mountinfo", DOCKER_MOUNTS),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "250000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "100000\n"),
            (
                "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us",
                "100000\n",
            ),
        ]);
        assert_eq!(system.limits().cpu_quota, Some(quota(100_000, 100_000)));
    }

    #[test]
    fn words_of_version_1_for_no_limit_are_none() {
        let system = System::with(&[
            ("proc/self/cgroup", DOCKER_OWN),
            ("proc/self/mountinfo", DOCKER_MOUNTS),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
            (
                "sys/fs/cgroup/memory/memory.limit_in_bytes",
                "9223372036854771712\n",
            ),
        ]);
        assert_eq!(system.limits(), ContainerLimits::default());
    }

    #[test]
    fn on_a_hybrid_system_each_controller_is_found_where_it_is() {
        let system = System::with(&[
            (
                "proc/self/cgroup",
                "4:memory:/jobs/7\n1:cpu:/\n0::/jobs/7\n",
            ),
            (
                "proc/self/mountinfo",
                "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
",
            ),
            (
                "sys/fs/cgroup/memory/jobs/memory.limit_in_bytes",
                "1073741824\n",
            ),
            (
                "sys/fs/cgroup/memory/jobs/7/memory.limit_in_bytes",
                "9223372036854771712\n",
            ),
            ("sys/fs/cgroup/unified/jobs/7/cpu.max", "200000 100000\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
        ]);
        assert_eq!(system.limits().cpu_quota, Some(quota(200_000, 100_000)));
        assert_eq!(system.limits().memory_limit_bytes, Some(1024 * MIB));
    }

    fn shown(own: &str, mounts: &str) -> Vec<String> {
        groups(own, mounts, "cpu")
            .into_iter()
            .map(|(_, folder)| folder.to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn the_mount_that_shows_most_groups_is_read() {
        let mounts = "\
1 0 0:29 /a/b /elsewhere rw - cgroup2 cgroup2 rw
2 0 0:29 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw
3 0 0:29 /a /other rw - cgroup2 cgroup2 rw
";
        assert_eq!(
            shown("0::/a/b/c\n", mounts),
            [
                "/sys/fs/cgroup/a/b/c",
                "/sys/fs/cgroup/a/b",
                "/sys/fs/cgroup/a",
                "/sys/fs/cgroup"
            ]
        );
    }

    #[test]
    fn a_group_that_no_mount_shows_is_taken_for_the_one_that_is_mounted() {
        // A name that begins alike is another group.
        let other = "1 0 0:29 /docker/ab /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        assert_eq!(shown("0::/docker/abc\n", other), ["/sys/fs/cgroup"]);
        // Both as a namespace of groups names what is outside of it.
        let outside = "1 0 0:29 /../.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        assert_eq!(shown("0::/\n", outside), ["/sys/fs/cgroup"]);
        let inside = "1 0 0:29 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        assert_eq!(shown("0::/../sibling\n", inside), ["/sys/fs/cgroup"]);
    }

    #[test]
    fn a_controller_is_found_by_its_whole_name() {
        let own = "3:cpuacct:/wrong\n2:cpuset:/wrong\n1:name=cpu:/wrong\n5:cpuacct,cpu:/right:with:colons\n";
        let mounts = "\
1 0 0:29 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset
2 0 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct
";
        assert_eq!(
            shown(own, mounts),
            ["/sys/fs/cgroup/cpu/right:with:colons", "/sys/fs/cgroup/cpu"]
        );
    }

    #[test]
    fn white_space_in_a_path_is_read_as_the_kernel_writes_it() {
        let mounts = r"1 0 0:29 /a\040b /mnt/tab\011back\134slash rw - cgroup2 cgroup2 rw";
        assert_eq!(
            shown("0::/a b/c\n", mounts),
            ["/mnt/tab\tback\\slash/c", "/mnt/tab\tback\\slash"]
        );
        assert_eq!(unescaped(r"\0 \999 \é \"), r"\0 \999 \é \");
    }

    #[test]
    fn files_that_make_no_sense_limit_nothing() {
        for (own, mounts) in [
            ("", ""),
            ("0::\n", "1 0 0:29 - cgroup2\n"),
            ("no colons\n::\n", " - cgroup2 \n - \n"),
            (V2_OWN, ""),
            ("", V2_MOUNTS),
        ] {
            let system =
                System::with(&[("proc/self/cgroup", own), ("proc/self/mountinfo", mounts)]);
            assert_eq!(system.limits(), ContainerLimits::default());
        }
        for text in [
            "",
            "max",
            "max 100000",
            "0 100000",
            "100000 0",
            "100000",
            "-5 100000",
            "1 2 3",
        ] {
            assert_eq!(cpu_max(text), None, "{text}");
        }
        assert_eq!(
            available_bytes("MemAvailable: 99999999999999999999 kB"),
            None
        );
        assert_eq!(
            available_bytes("MemAvailable: 18446744073709551615 kB"),
            None
        );
        assert_eq!(
            System::with(&[("proc/version", "")]).limits(),
            ContainerLimits::default()
        );
    }

    #[test]
    fn a_path_that_is_no_utf_8_hides_no_other() {
        let system = System::with(&[
            ("proc/self/cgroup", "0::/\n"),
            ("proc/self/mountinfo", ""),
            ("sys/fs/cgroup/cpu.max", "50000 100000\n"),
        ]);
        let mut mounts = b"9 0 0:9 / /mnt/\xff rw - ext4 /dev/sda rw\n".to_vec();
        mounts.extend_from_slice(b"1 0 0:29 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        fs::write(system.root.join("proc/self/mountinfo"), mounts).expect("a writable folder");
        assert_eq!(system.limits().cpu_quota, Some(quota(50_000, 100_000)));
    }

    #[test]
    fn this_machine_says_what_memory_it_has_left() {
        // What its control groups say is compared by ci/cgroup.sh, which makes some.
        let available = container_limits().memory_available_bytes;
        assert!(available.is_some_and(|bytes| bytes > 0), "{available:?}");
    }
}
