// Every fault: what the package promises and would not keep with it, how it is made, and who must notice.

/**
 * @typedef {object} Fault
 * @property {string} name
 * @property {string} line what the package promises, and does not do with this fault
 * @property {string} file where the fault is
 * @property {string} find text that stands there exactly once
 * @property {string} replace what stands there with the fault
 * @property {{ file?: string, find: string, replace: string }[]} [also] further edits of the same fault
 * @property {string[]} [tests] files of `__test__` that must fail, over every channel
 * @property {string[]} [match] titles of the tests that are run, patterns of ava; all of the files if not given
 * @property {string[]} [core] instead of `tests`: names of tests of plump-core, for what no test of the package can arrange
 * @property {boolean} [types] instead of `tests`: the type tests must not compile
 * @property {boolean} [hangs] with the fault a test does not end
 */

const CORE = 'crates/plump-core/src'
const HOST = `${CORE}/host`
/** Of one module of the core that the package alone cannot put into that situation. */
const AUTO = ['platform::allowance']

/** @type {Fault[]} */
export const table = [
  // --- how many workers ---------------------------------------------------------------------------------------------
  {
    name: 'auto-affinity',
    line: "workers: 'auto' respects CPU affinity",
    file: `${CORE}/platform/linux/measure.rs`,
    find: `if unsafe { libc::sched_getaffinity(0, bytes, &raw mut set) } == 0 {
        // SAFETY: CPU_COUNT only reads the set.`,
    replace: `if unsafe { libc::sysconf(libc::_SC_NPROCESSORS_CONF) } > 0 {
        return unsafe { libc::sysconf(libc::_SC_NPROCESSORS_CONF) } as usize;
    }
    if unsafe { libc::sched_getaffinity(0, bytes, &raw mut set) } == 0 {`,
    tests: ['scaling.test.ts'],
    match: ["workers: 'auto'*"],
  },
  {
    name: 'auto-quota',
    line: "workers: 'auto' respects the quota of CPU time",
    file: `${CORE}/platform/allowance.rs`,
    find: '(by_quota, DecidedBy::Quota),',
    replace: '(None, DecidedBy::Quota),',
    core: AUTO,
  },
  {
    name: 'auto-memory',
    line: "workers: 'auto' respects memory",
    file: `${CORE}/platform/allowance.rs`,
    find: '(by_memory, DecidedBy::Memory),',
    replace: '(None, DecidedBy::Memory),',
    tests: ['scaling.test.ts'],
    match: ["workers: 'auto'*"],
  },
  {
    name: 'auto-more-memory',
    line: "workers: 'auto' counts what maxRssBytes says a worker may need",
    file: 'src/pool.ts',
    find: 'exchange.binding.allowance(options.maxRssBytes ?? 0)',
    replace: 'exchange.binding.allowance(0)',
    tests: ['scaling.test.ts'],
    match: ["workers: 'auto'*"],
  },
  {
    name: 'auto-in-stats',
    line: "stats() says what 'auto' has found",
    file: 'src/plump-ipc.ts',
    find: 'return pool.auto === undefined ? stats : { ...stats, auto: pool.auto }',
    replace: 'return stats',
    tests: ['scaling.test.ts', 'recycling.test.ts'],
    match: ["workers: 'auto'*"],
  },
  {
    name: 'growth',
    line: 'a range grows by the time that calls wait',
    file: `${CORE}/scaling.rs`,
    find: `self.steps(demand.head_waited)
            .max(`,
    replace: `0_usize
            .max(`,
    tests: ['scaling.test.ts'],
    match: ['a range grows*'],
  },
  {
    name: 'grow-ms',
    line: 'a range grows no sooner than growMs says',
    file: `${HOST}/growing.rs`,
    find: 'grow_after: ms(pool.options.grow_ms),',
    replace: 'grow_after: ms(0),',
    tests: ['scaling.test.ts'],
    match: ['a range does not grow*'],
  },
  {
    name: 'max-workers',
    line: 'a range has no more than max workers',
    file: `${HOST}/growing.rs`,
    find: 'max: pool.options.workers,',
    replace: 'max: pool.options.workers + 1,',
    tests: ['scaling.test.ts'],
    match: ['a range has max*'],
  },
  {
    name: 'shrinking',
    line: 'a range shrinks when workers have been idle for idleMs',
    file: `${CORE}/scaling.rs`,
    find: 'let retire = if start == 0 &&',
    replace: 'let retire = if size > 1000 && start == 0 &&',
    tests: ['scaling.test.ts'],
    match: ['a range grows*', 'min: 0*'],
  },
  {
    name: 'idle-ms',
    line: 'a worker of a range is kept for idleMs',
    file: `${HOST}/growing.rs`,
    find: 'idle: ms(pool.options.idle_ms),',
    replace: 'idle: ms(1),',
    tests: ['scaling.test.ts'],
    match: ['a worker above min*'],
  },
  {
    name: 'min-workers',
    line: 'a range keeps min workers',
    file: `${HOST}/growing.rs`,
    find: 'min: pool.options.min_workers,',
    replace: 'min: 0,',
    tests: ['scaling.test.ts'],
    match: ['a range keeps min*'],
  },
  {
    name: 'spare',
    line: 'spare: 1 keeps one worker warm beyond those that are used',
    file: `${CORE}/scaling.rs`,
    find: 'self.min.max(used + self.spare).min(self.max)',
    replace: 'self.min.max(used).min(self.max)',
    tests: ['scaling.test.ts'],
    match: ['a spare*'],
  },

  // --- which worker -------------------------------------------------------------------------------------------------
  {
    name: 'least-loaded',
    line: 'a call goes to the worker that has the fewest',
    file: `${HOST}/sending.rs`,
    find: 'let load = worker.window.in_flight();',
    replace: 'let load = 1;',
    tests: ['balance.test.ts'],
    match: ['a call goes to*'],
  },
  {
    name: 'first-worker',
    line: 'a call goes to the worker that has the fewest, not to the first that takes it',
    file: `${HOST}/sending.rs`,
    find: `    *turn = if *turn + 1 < count { *turn + 1 } else { 0 };
    let mut best`,
    replace: `    *turn = 0;
    let mut best`,
    also: [{ find: 'let load = worker.window.in_flight();', replace: 'let load = 1;' }],
    tests: ['balance.test.ts'],
    match: ['a call goes to*'],
  },
  {
    name: 'give-back',
    line: 'what lies in a worker behind a long call is run by another one',
    file: `${HOST}/balancing.rs`,
    find: 'if asked.iter().all(|id| Some(*id) == oldest) {',
    replace: 'if !asked.is_empty() {',
    tests: ['balance.test.ts'],
    match: ['a worker that has nothing to do*'],
    hangs: true,
  },
  {
    name: 'help-others',
    line: 'a worker that has nothing to do takes from others',
    file: `${HOST}/balancing.rs`,
    find: 'if !worker.shares || worker.window.in_flight() > 0 || !worker.serves() {',
    replace: 'if worker.shares {',
    also: [
      {
        find: 'let helped = is_stuck && self.another_goes_on(pool, slot) && self.ask_back(slot);',
        replace: 'let helped = is_stuck && pool == u32::MAX;',
      },
    ],
    tests: ['balance.test.ts'],
    match: ['a worker that has nothing to do*'],
    hangs: true,
  },
  {
    name: 'window',
    line: 'short calls are sent ahead, as many as run in a millisecond',
    file: `${CORE}/router.rs`,
    find: '(PREFETCH_US as f32 / run_us.max(0.1)).clamp(1.0, MAX_PREFETCH as f32) as u32',
    replace: '(PREFETCH_US as f32 / run_us.max(1e9)).clamp(1.0, MAX_PREFETCH as f32) as u32',
    tests: ['balance.test.ts'],
    match: ['the window*'],
  },
  {
    name: 'window-of-long-calls',
    line: 'of long calls one alone is sent ahead',
    file: `${CORE}/router.rs`,
    find: '(PREFETCH_US as f32 / run_us.max(0.1)).clamp(1.0, MAX_PREFETCH as f32) as u32',
    replace: '(PREFETCH_US as f32 * run_us.max(0.1)).clamp(1.0, MAX_PREFETCH as f32) as u32',
    tests: ['balance.test.ts'],
    match: ['the window*'],
  },

  // --- back-pressure ------------------------------------------------------------------------------------------------
  {
    name: 'max-queue',
    line: 'above maxQueue a call is rejected',
    file: `${CORE}/queue_limits.rs`,
    find: 'let is_full = queued.calls >= max_calls;',
    replace: 'let is_full = false;',
    tests: ['queue.test.ts', 'call.test.ts'],
    match: ['whenFull: reject, or wait*', 'more calls than maxQueue*'],
  },
  {
    name: 'max-queue-bytes',
    line: 'above maxQueueBytes a call is rejected, whatever whenFull says',
    file: `${CORE}/queue_limits.rs`,
    find: 'if queued.calls > 0 && with_it.bytes() > max_bytes {',
    replace: 'if with_it.bytes() > usize::MAX - 1 {',
    tests: ['queue.test.ts'],
    match: ['whenFull: wait rejects above*'],
  },
  {
    name: 'bytes-of-a-call',
    line: 'a call counts 600 bytes against maxQueueBytes beside its payload',
    file: `${CORE}/queue_limits.rs`,
    find: 'pub const BYTES_PER_CALL: usize = 600;',
    replace: 'pub const BYTES_PER_CALL: usize = 0;',
    tests: ['queue.test.ts'],
    match: ['*maxQueueBytes*'],
  },
  {
    name: 'when-full-wait',
    line: "whenFull: 'wait' lets calls wait above maxQueue",
    file: `${CORE}/queue_limits.rs`,
    find: 'if is_full && when_full == WhenFull::Reject {',
    replace: 'if is_full {',
    tests: ['queue.test.ts'],
    match: ['whenFull: reject, or wait*'],
  },
  {
    name: 'when-full-reject',
    line: "whenFull: 'reject' lets none wait above maxQueue",
    file: `${CORE}/queue_limits.rs`,
    find: 'if is_full && when_full == WhenFull::Reject {',
    replace: 'if is_full && when_full != WhenFull::Reject {',
    tests: ['queue.test.ts'],
    match: ['whenFull: reject, or wait*'],
  },
  {
    name: 'needs-drain',
    line: 'needsDrain says when to hold back',
    file: 'src/plump-ipc.ts',
    find: 'return pool.needsDrain',
    replace: 'return pool.closed && pool.needsDrain',
    tests: ['queue.test.ts'],
    match: ['whenFull: reject, or wait*', 'a producer that waits*'],
  },
  {
    name: 'needs-drain-before-refusal',
    line: 'who looks at needsDrain before each call is never refused',
    file: `${CORE}/queue_limits.rs`,
    find: 'let to_keep_free = self.largest.min(max_bytes / 2);',
    replace: 'let to_keep_free = 0;',
    tests: ['queue.test.ts'],
    match: ['nor is one whose calls fill*'],
  },
  {
    name: 'drained-at-once',
    line: 'drained() waits until half of the limits is free',
    file: 'src/pool.ts',
    find: 'if (!this.needsDrain) return Promise.resolve()',
    replace: 'if (!this.needsDrain || !this.closed) return Promise.resolve()',
    tests: ['queue.test.ts'],
    match: ['whenFull: reject, or wait*', 'a producer that waits*'],
  },
  {
    name: 'drained-never',
    line: 'drained() resolves',
    file: `${HOST}/pool.rs`,
    find: 'self.tell(pool_id, &json!({ "event": "drained" }));',
    replace: 'let _ = pool_id;',
    tests: ['queue.test.ts'],
    match: ['whenFull: reject, or wait*'],
    hangs: true,
  },

  // --- whose turn it is ---------------------------------------------------------------------------------------------
  {
    name: 'priority',
    line: 'calls of higher priority go first',
    file: `${CORE}/queue.rs`,
    find: 'let made_at = i128::from(ticket.made_at) - i128::from(*priority) * aging_ns;',
    replace: 'let made_at = i128::from(ticket.made_at) - i128::from(*priority) * 0 * aging_ns;',
    tests: ['queue.test.ts'],
    match: ['calls of higher priority*'],
  },
  {
    name: 'order-in-a-priority',
    line: 'calls of one priority go in their order',
    file: `${CORE}/queue.rs`,
    find: 'self.level(ticket.priority).push_back(ticket);',
    replace: 'self.level(ticket.priority).push_front(ticket);',
    tests: ['queue.test.ts'],
    match: ['calls of higher priority*'],
  },
  {
    name: 'aging',
    line: 'nothing starves: waiting counts as priority',
    file: `${CORE}/queue.rs`,
    find: 'aging_ns: i128::try_from(aging.as_nanos()).unwrap_or(i128::MAX / 256),',
    replace: 'aging_ns: i128::try_from(aging.as_nanos()).map_or(0, |_| i128::MAX / 256),',
    tests: ['queue.test.ts'],
    match: ['nothing starves*'],
    hangs: true,
  },
  {
    name: 'priority-of-instance',
    line: 'priority of the instance holds for calls that say none',
    file: 'src/pool.ts',
    find: 'return { timeoutMs, queueMs, runMs, priority } as Rule',
    replace: 'return { timeoutMs, queueMs, runMs, ...(priority === 101 && { priority }) } as Rule',
    tests: ['command-options.test.ts'],
    match: ['priority: of a command*'],
  },
  {
    name: 'command-concurrency',
    line: 'of a command no more calls run in a worker than its concurrency says',
    file: `${HOST}/worker.rs`,
    find: '(limit.most_of_command == 0 ||',
    replace: '(limit.most_of_command < u32::MAX ||',
    tests: ['command-options.test.ts'],
    match: ['concurrency: *'],
  },
  {
    name: 'command-options',
    line: 'every option of a call has a default per command',
    file: `${CORE}/rules.rs`,
    find: '.map_or(&self.instance, |command| &command.rule);',
    replace: '.map_or(&self.instance, |_| &self.instance);',
    tests: ['command-options.test.ts'],
    match: ['timeoutMs: the call over*', '*: the same', 'graceMs: a worker*', 'priority: of*'],
  },
  {
    name: 'host-over-registration',
    line: 'what the host says of a command wins over what it was registered with',
    file: `${CORE}/rules.rs`,
    find: 'Some(given) => given.over(&rule),',
    replace: 'Some(given) => rule.over(given),',
    tests: ['command-options.test.ts'],
    match: ['timeoutMs: the call over*', '*: the same'],
  },
  {
    name: 'registration-over-instance',
    line: 'what a command was registered with wins over the instance',
    file: `${CORE}/rules.rs`,
    find: 'let rule = announced.over(&self.instance);',
    replace: 'let rule = self.instance.over(announced);',
    tests: ['command-options.test.ts'],
    match: ['timeoutMs: the call over*', '*: the same'],
  },
  {
    name: 'call-over-command',
    line: 'what a call says wins over its command',
    file: `${CORE}/rules.rs`,
    find: 'asked => asked,',
    replace: 'asked => ruled.unwrap_or(asked),',
    tests: ['command-options.test.ts'],
    match: ['timeoutMs: the call over*', '*: the same'],
  },
  {
    name: 'early-calls',
    line: 'calls that were made before a worker was ready get what it announces',
    file: `${HOST}/ruling.rs`,
    find: 'if !pool.rules.take_news() {',
    replace: 'if pool.rules.take_news() || pool_id < u32::MAX {',
    tests: ['command-options.test.ts'],
    match: ['calls that were made before*'],
  },

  // --- keys ---------------------------------------------------------------------------------------------------------
  {
    name: 'key-one-at-a-time',
    line: 'never two calls of one key at once',
    file: `${CORE}/queue.rs`,
    find: 'if of_key.first.is_some() {',
    replace: 'if of_key.first.is_some() && key == 0 {',
    tests: ['queue.test.ts'],
    match: ['the calls of a key run*'],
  },
  {
    name: 'key-is-free',
    line: 'a call whose key is held does not go at once',
    file: `${HOST}/sending.rs`,
    find: 'pool.queue.is_empty() && request.key.is_none_or(|key| pool.queue.is_free(key));',
    replace: 'pool.queue.is_empty();',
    tests: ['queue.test.ts'],
    match: ['a key is held*', 'the calls of a key run*'],
  },
  {
    name: 'key-order',
    line: 'calls of a key run in their order',
    file: `${CORE}/queue.rs`,
    find: 'of_key.rest.push_back(ticket);',
    replace: 'of_key.rest.push_front(ticket);',
    tests: ['queue.test.ts'],
    match: ['the calls of a key run*'],
  },
  {
    name: 'key-at-once-anywhere',
    line: 'a call of a key that goes at once goes to the worker of its key',
    file: `${HOST}/sending.rs`,
    find: 'Some(key) => For::Place(place_of(key, &pool.places)?),',
    replace: 'Some(_) => For::Anyone,',
    tests: ['queue.test.ts'],
    match: ['*key*'],
  },
  {
    name: 'key-anywhere',
    line: 'a call of a key that has waited goes to the worker of its key',
    file: `${CORE}/queue.rs`,
    find: 'Found::Place(place, _) => For::Place(place),',
    replace: 'Found::Place(..) => For::Anyone,',
    tests: ['queue.test.ts'],
    match: ['*key*'],
  },
  {
    name: 'key-moves-early',
    line: 'a key moves only after what its old worker had begun has settled',
    file: `${CORE}/queue.rs`,
    find: `        self.places.clear();
        for ticket in waiting {`,
    replace: `        self.places.clear();
        self.keys
            .retain(|_, key| key.place.is_some() || !key.rest.is_empty());
        for ticket in waiting {`,
    tests: ['scaling.test.ts'],
    match: ['*key*'],
  },
  {
    name: 'key-after-death',
    line: 'a key is let go of when the death of its worker was reaped',
    file: `${HOST}/ending.rs`,
    find: '            self.leave_worker(id);\n            self.fail(id, &failure.of_command(&name));',
    replace: '            self.fail(id, &failure.of_command(&name));',
    tests: ['queue.test.ts'],
    match: ['a key survives*'],
    hangs: true,
  },
  {
    name: 'rendezvous',
    line: 'when the pool changes few keys move',
    file: `${CORE}/placing.rs`,
    find: `    places
        .iter()
        .copied()
        .max_by_key(|place| mixed(key ^ mixed(u64::from(*place) + 1)))`,
    replace: `    places
        .get((key % (places.len().max(1) as u64)) as usize)
        .copied()`,
    core: ['placing'],
  },
  {
    name: 'priority-of-heads',
    line: 'priority orders the heads of keys',
    file: `${CORE}/queue.rs`,
    find: 'let place = place_of(key, places).unwrap_or(NOWHERE);',
    replace: `let place = place_of(key, places).unwrap_or(NOWHERE);
        let ticket = Ticket { priority: 0, ..ticket };`,
    tests: ['queue.test.ts'],
    match: ['priority orders the heads*'],
  },
  {
    name: 'key-of-a-call-given-up',
    line: 'a call of a key that is given up lets the next one go',
    file: `${CORE}/queue.rs`,
    find: `        if let Some(key) = key {
            self.release(key, id, places, waits);`,
    replace: `        if let Some(key) = key.filter(|key| *key == 0) {
            self.release(key, id, places, waits);`,
    tests: ['queue.test.ts'],
    match: ['a call of a key that is given up*'],
    hangs: true,
  },

  // --- deadlines ----------------------------------------------------------------------------------------------------
  {
    name: 'timeout-ms',
    line: 'timeoutMs bounds the whole call',
    file: `${HOST}/sending.rs`,
    find: `        if ruled.timeout_ms > 0 {
            let deadline`,
    replace: `        if ruled.timeout_ms == u32::MAX {
            let deadline`,
    tests: ['call.test.ts'],
    match: ['a call that takes longer than timeoutMs*'],
  },
  {
    name: 'timeout-ms-in-queue',
    line: 'timeoutMs holds while the call waits',
    file: `${HOST}/answering.rs`,
    find: 'let due = |call: &&Call| !call.settled && is_over(call.deadline);',
    replace:
      'let due = |call: &&Call| !call.settled && is_over(call.deadline) && call.worker.is_some();',
    tests: ['call.test.ts'],
    match: ['timeoutMs counts while the worker starts', 'a time limit holds*'],
    hangs: true,
  },
  {
    name: 'timeout-ms-of-instance',
    line: 'timeoutMs of the instance holds for calls that say none',
    file: 'src/pool.ts',
    find: 'return { timeoutMs, queueMs, runMs, priority } as Rule',
    replace:
      'return { timeoutMs: timeoutMs === 1e9 ? 1 : undefined, queueMs, runMs, priority } as Rule',
    tests: ['command-options.test.ts'],
    match: ['timeoutMs: the call over*'],
    hangs: true,
  },
  {
    name: 'queue-ms',
    line: 'queueMs bounds how long a call waits in the queue',
    file: `${HOST}/cancelling.rs`,
    find: `        self.forget_waiting(id);
        self.fail(id, &failure);
    }

    pub(super) fn queue_timeout`,
    replace: `        if failure.message.is_empty() {
            self.fail(id, &failure);
        }
    }

    pub(super) fn queue_timeout`,
    tests: ['command-options.test.ts'],
    match: ['queueMs: the same'],
  },
  {
    name: 'queue-ms-in-worker',
    line: 'queueMs bounds how long a call waits in a worker',
    file: `${HOST}/cancelling.rs`,
    find: 'self.send_control(slot as usize, &Control::Expire(id));',
    replace: 'let _ = slot;',
    tests: ['cancel.test.ts'],
    match: ['queueMs: what has not*'],
  },
  {
    name: 'queue-ms-clock-stops',
    line: 'the clock of queueMs stops when the handler is called',
    file: `${HOST}/cancelling.rs`,
    find: `            self.send_control(slot as usize, &Control::Expire(id));
            return;`,
    replace: '            debug!("{slot}");',
    tests: ['cancel.test.ts'],
    match: ['queueMs: what has not*'],
  },
  {
    name: 'run-ms',
    line: 'runMs bounds how long the handler runs',
    file: `${HOST}/cancelling.rs`,
    find: '&& call.limits.run_ms > 0',
    replace: '&& call.limits.run_ms == u32::MAX',
    tests: ['cancel.test.ts'],
    match: ['runMs: counts from*'],
    hangs: true,
  },
  {
    name: 'run-ms-clock',
    line: 'the clock of runMs starts when the handler is called',
    file: `${HOST}/sending.rs`,
    find: `            self.limit_call(id, ruled.limits, Instant::now());
`,
    replace: `            self.limit_call(id, ruled.limits, Instant::now());
            if ruled.limits.run_ms > 0 {
                let due = Instant::now() + Duration::from_millis(u64::from(ruled.limits.run_ms));
                if let Some(call) = self.calls.get_mut(id) {
                    call.run_by = Some(due);
                }
                self.add_timer(due, Timer::Run(id));
            }
`,
    tests: ['cancel.test.ts'],
    match: ['runMs: counts from*'],
  },
  {
    name: 'deadline-in-the-frame',
    line: 'what is left of a deadline comes to the worker with the call',
    file: `${HOST}/sending.rs`,
    find: 'let left_ms = deadline.map_or(0, |deadline| {',
    replace: 'let left_ms = deadline.filter(|_| id == 0).map_or(0, |deadline| {',
    tests: ['cancel.test.ts'],
    match: ['context: what*', 'the rest of a deadline*'],
  },
  {
    name: 'deadline-of-nested-calls',
    line: 'the remaining deadline travels with nested calls',
    file: 'src/worker/left.ts',
    find: 'if (!isWorker) return undefined',
    replace: "if (!isWorker || typeof isWorker === 'boolean') return undefined",
    tests: ['cancel.test.ts'],
    match: ['the rest of a deadline*'],
  },
  {
    name: 'deadline-of-nested-calls-caps',
    line: 'a nested call gets no more than its command has',
    file: `${CORE}/rules.rs`,
    find: '(true, Some(ruled)) => asked.timeout_ms.min(ruled),',
    replace: '(true, Some(_)) => asked.timeout_ms,',
    tests: ['command-options.test.ts'],
    match: ['a call that a handler makes*'],
  },
  {
    name: 'timed-out-call-is-told',
    line: 'the handler of a call that timed out is told',
    file: `${HOST}/answering.rs`,
    find: '            self.give_up(id, slot as usize);\n',
    replace: '',
    tests: ['cancel.test.ts'],
    match: ['a call that times out is told*'],
  },
  {
    name: 'limit-in-the-error',
    line: 'the error of a call that timed out names its limit',
    file: `${HOST}/answering.rs`,
    find: 'failure.timeout_ms = Some(timeout_ms);',
    replace: 'failure.timeout_ms = None;',
    tests: ['call.test.ts'],
    match: ['a call that takes longer than timeoutMs*'],
  },

  // --- cancellation -------------------------------------------------------------------------------------------------
  {
    name: 'abort',
    line: 'an aborted signal rejects the call at once',
    file: 'src/call-async.ts',
    find: 'const abort = (): void => cancel(aborted(signal, name))',
    replace: 'const abort = (): void => void cancel',
    tests: ['cancel.test.ts'],
    match: ['an aborted call rejects at once*'],
    hangs: true,
  },
  {
    name: 'abort-waits-for-the-handler',
    line: 'an aborted signal rejects at once, not when the handler has stopped',
    file: 'src/exchange.ts',
    find: `      once(Promise.reject(reason))
      this.reconsider()`,
    replace: '      setTimeout(() => once(Promise.reject(reason)), 1_000)',
    tests: ['cancel.test.ts'],
    match: ['an aborted signal rejects before*'],
  },
  {
    name: 'aborted-already',
    line: 'acall() with an aborted signal is refused',
    file: 'src/call-async.ts',
    find: '  throwIfAborted(signal, name)\n',
    replace: '',
    tests: ['cancel.test.ts'],
    match: ['a signal that is aborted already*', 'a call that is made while*'],
  },
  {
    name: 'aborted-already-sync',
    line: 'call() looks at its signal on entry',
    file: 'src/call-sync.ts',
    find: '    throwIfAborted(settings.signal, name)\n',
    replace: '',
    tests: ['cancel.test.ts'],
    match: ['a signal that is aborted already*'],
  },
  {
    name: 'abort-while-made',
    line: 'a signal that aborts while the call is made is heard',
    file: 'src/call-async.ts',
    find: '  if (signal.aborted) abort()\n',
    replace: '',
    tests: ['cancel.test.ts'],
    match: ['a signal that aborts while its call is made*'],
  },
  {
    name: 'abort-cause',
    line: 'the error of a cancelled call has the reason of its signal',
    file: 'src/call-async.ts',
    find: '{ cause: signal.reason, command },',
    replace: '{ cause: undefined, command },',
    tests: ['cancel.test.ts'],
    match: ['a signal that is aborted already*'],
  },
  {
    name: 'cancelled-in-queue',
    line: 'a cancelled call that waits is never run',
    file: `${HOST}/cancelling.rs`,
    find: `            self.forget_waiting(id);
            self.calls.settle(id);
        }
        true`,
    replace: '        }\n        true',
    tests: ['cancel.test.ts'],
    match: ['a call that waits, here*'],
  },
  {
    name: 'cancelled-in-worker',
    line: 'a cancelled call that lies in a worker is never run',
    file: `${CORE}/call_states.rs`,
    find: `        if forbid(word) {
            return Cancelled::BeforeItBegan;
        }
        let running`,
    replace: '        let running',
    tests: ['cancel.test.ts'],
    match: ['a call that waits, here*'],
  },
  {
    name: 'cancel-is-sent',
    line: 'the worker of a cancelled call is told',
    file: `${HOST}/cancelling.rs`,
    find: 'port.send_owned(header, Control::Cancel(id).encode());',
    replace: 'let _ = (port, header);',
    tests: ['cancel.test.ts'],
    match: ['an aborted call rejects*', 'a handler that never yields*'],
    hangs: true,
  },
  {
    name: 'context-signal',
    line: 'context.signal aborts when nobody waits any more',
    file: 'src/worker/serve.ts',
    find: '    this.#contexts.abort(place)\n',
    replace: '    void place\n',
    tests: ['cancel.test.ts'],
    match: ['an aborted call rejects*'],
  },
  {
    name: 'context-aborted',
    line: 'context.aborted changes for handlers that never yield',
    file: 'src/worker/context.ts',
    find: "if (this.#outcome === 'running' && this.#contexts.isAborted(this.#place)) this.abort()",
    replace: "if (this.#outcome === 'over' && this.#contexts.isAborted(this.#place)) this.abort()",
    tests: ['cancel.test.ts'],
    match: ['a handler that never yields*'],
    hangs: true,
  },
  {
    name: 'context-call-id',
    line: 'context has the id of the call',
    file: 'src/worker/context.ts',
    find: 'const id = (BigInt(this.#high) << 32n) | BigInt(this.#low)',
    replace: 'const id = 7n + 0n * BigInt(this.#high + this.#low)',
    tests: ['cancel.test.ts'],
    match: ['context: what*'],
  },
  {
    name: 'context-command',
    line: 'context has the name of the command',
    file: 'src/worker/context.ts',
    find: '    this.command = command\n',
    replace: '    this.command = command.slice(0, 0)\n',
    tests: ['cancel.test.ts'],
    match: ['context: what*'],
  },
  {
    name: 'context-deadline',
    line: 'context has the deadline of the call',
    file: 'src/worker/context.ts',
    find: 'const deadline = this.#leftMs === 0 ? undefined : Date.now() + this.#leftMs',
    replace: 'const deadline = this.#leftMs === 0 ? undefined : Date.now() + 60_000',
    tests: ['cancel.test.ts'],
    match: ['context: what*'],
  },
  {
    name: 'context-worker-id',
    line: 'context has the id of the worker',
    file: 'src/worker/context.ts',
    find: 'return process.pid',
    replace: 'return process.ppid',
    tests: ['cancel.test.ts'],
    match: ['context: what*'],
  },
  {
    name: 'context-after-await',
    line: 'context is there after an await',
    file: 'src/worker/context.ts',
    find: 'return this.#running.size === 0 ? undefined : this.#storage.getStore()',
    replace: 'return undefined',
    tests: ['cancel.test.ts'],
    match: ['context: what*'],
  },
  {
    name: 'context-outside',
    line: 'context throws outside of handlers',
    file: 'src/worker/context.ts',
    find: `  const call = contexts.current
  if (call === undefined)`,
    replace: `  const call = contexts.current ?? ({} as CallContext)
  if (call === undefined)`,
    tests: ['cancel.test.ts'],
    match: ['context: what*'],
    hangs: true,
  },
  {
    name: 'grace-ms',
    line: 'after graceMs the worker is killed and replaced',
    file: `${HOST}/cancelling.rs`,
    find: 'self.add_timer(after(grace_ms), Timer::Grace(id));',
    replace: 'let _ = grace_ms;',
    tests: ['cancel.test.ts'],
    match: ['a worker that does not stop is ended*'],
    hangs: true,
  },
  {
    name: 'grace-ms-of-call',
    line: 'graceMs of a call wins over that of the instance',
    file: `${HOST}/cancelling.rs`,
    find: 'call.limits.grace_ms.unwrap_or(pool.options.grace_ms);',
    replace: 'pool.options.grace_ms;',
    tests: ['command-options.test.ts'],
    match: ['graceMs: a worker is ended*'],
    hangs: true,
  },
  {
    name: 'grace-is-given',
    line: 'a handler that stops within graceMs costs no worker',
    file: `${HOST}/cancelling.rs`,
    find: 'self.add_timer(after(grace_ms), Timer::Grace(id));',
    replace: 'self.add_timer(after(grace_ms.min(1)), Timer::Grace(id));',
    tests: ['cancel.test.ts'],
    match: ['a handler that stops within*'],
  },
  {
    name: 'others-run-elsewhere',
    line: 'calls of others that had not begun run elsewhere when their worker is ended',
    file: `${HOST}/cancelling.rs`,
    find: 'if let Some(kept) = call.kept.take() {',
    replace: 'if let Some(kept) = call.kept.take().filter(|_| *ids == [0]) {',
    tests: ['cancel.test.ts'],
    match: ['a worker that does not stop is ended*'],
    hangs: true,
  },
  {
    name: 'caused-by',
    line: 'others are told which call their worker was ended for',
    file: `${HOST}/cancelling.rs`,
    find: 'failure.caused_by = Some(format!("{cause:#x}"));',
    replace: 'failure.caused_by = None;',
    tests: ['cancel.test.ts'],
    match: ['a worker that does not stop is ended*'],
  },
  {
    name: 'reason-of-others',
    line: 'others are told why their worker was ended',
    file: `${HOST}/cancelling.rs`,
    find: 'worker.reason.get_or_insert(failure);',
    replace: 'let _ = failure;',
    tests: ['cancel.test.ts'],
    match: ['a worker that does not stop is ended*'],
  },
  {
    name: 'epochs',
    line: 'a late kill never hits the next call in the same place',
    file: `${CORE}/router.rs`,
    find: `    pub fn get(&self, id: CallId) -> Option<&Call> {
        self.slots
            .get(slot_of(id) as usize)
            .filter(|call| call.used && u64::from(call.epoch) == id >> 32)`,
    replace: `    pub fn get(&self, id: CallId) -> Option<&Call> {
        self.slots
            .get(slot_of(id) as usize)
            .filter(|call| call.used)`,
    also: [
      {
        find: `            .get_mut(slot_of(id) as usize)
            .filter(|call| call.used && u64::from(call.epoch) == id >> 32)`,
        replace: `            .get_mut(slot_of(id) as usize)
            .filter(|call| call.used)`,
      },
    ],
    tests: ['cancel.test.ts'],
    match: ['cancellations hit their own*', 'a grace that is over*'],
    hangs: true,
  },
  {
    name: 'looks-once-more',
    line: 'a worker is not ended for a call that had not begun or has stopped',
    file: `${HOST}/cancelling.rs`,
    find: `            .get(cause)
            .is_some_and(|call| call.worker == number)`,
    replace: `            .get(cause)
            .is_none_or(|call| call.worker == number)`,
    tests: ['cancel.test.ts'],
    match: ['a call that had not begun ends nobody*'],
  },

  // --- retries ------------------------------------------------------------------------------------------------------
  {
    name: 'retries',
    line: 'a call of an idempotent command whose worker dies is run again',
    file: `${CORE}/rules.rs`,
    find: 'Some(true) => rule.retries.unwrap_or(RETRIES),',
    replace: 'Some(true) => 0 * rule.retries.unwrap_or(RETRIES),',
    tests: ['retries.test.ts'],
    match: ['a worker that ends by kill*'],
  },
  {
    name: 'at-most-once',
    line: 'what is not idempotent runs at most once',
    file: `${CORE}/rules.rs`,
    find: '                _ => 0,\n',
    replace: '                _ => RETRIES,\n',
    tests: ['retries.test.ts', 'call.test.ts'],
    match: ['under kills nothing runs twice*', 'a call runs at most once*'],
  },
  {
    name: 'retry-limit',
    line: 'a call is run again no more than retries says',
    file: `${HOST}/retrying.rs`,
    find: 'call.lost > call.retries {',
    replace: 'call.lost > call.retries.saturating_mul(3) {',
    tests: ['retries.test.ts'],
    match: ['a worker that ends by kill*'],
  },
  {
    name: 'retry-back-off',
    line: 'a call pauses before it is run again',
    file: `${CORE}/rules.rs`,
    find: 'self.jitter.up_to(longest)',
    replace: 'self.jitter.up_to(longest.min(Duration::from_millis(1)))',
    tests: ['retries.test.ts'],
    match: ['given up while it pauses: cancelled'],
  },
  {
    name: 'max-retry-ms',
    line: 'the pause grows to maxRetryMs and no further',
    file: `${CORE}/rules.rs`,
    find: 'let longest = doubled(ms(first), runs.saturating_sub(1) as usize, ms(most));',
    replace:
      'let longest = doubled(ms(first), runs.saturating_sub(1) as usize, ms(most.max(u32::MAX)));',
    tests: ['retries.test.ts'],
    match: ['maxRetryMs*'],
    hangs: true,
  },
  {
    name: 'runs-on-the-error',
    line: 'the error of a call says how often it was run',
    file: `${HOST}/answering.rs`,
    find: 'let bytes = failure.encode_after(runs);',
    replace: 'let bytes = failure.encode_after(runs * 0);',
    tests: ['retries.test.ts'],
    match: ['a worker that ends by kill*'],
  },
  {
    name: 'thrown-is-no-death',
    line: 'what a handler throws is no reason to run it again',
    file: `${HOST}/answering.rs`,
    find: '        // An answer that nobody waits for any more (its call timed out) is dropped here.\n',
    replace: `        if kind == EntryKind::Thrown
            && let Some(call) = self.calls.get_mut(header.call)
            && call.retries > call.lost
        {
            call.lost += 1;
            let failure = Failure::new(ErrorKind::WorkerLost, "again");
            self.leave_worker(header.call);
            self.fail(header.call, &failure);
            return Ok(());
        }
`,
    tests: ['retries.test.ts'],
    match: ['what the handler throws*'],
  },
  {
    name: 'retries-in-stats',
    line: 'stats() count what was run again',
    file: `${CORE}/rules.rs`,
    find: '        self.retried += 1;\n',
    replace: '',
    tests: ['retries.test.ts'],
    match: ['a worker that ends by kill*'],
  },
  {
    name: 'retry-holds-its-key',
    line: 'a call that pauses holds its key',
    file: `${HOST}/retrying.rs`,
    find: '        self.let_go_of(id);\n        if limits.queue_ms > 0 {',
    replace: '        self.leave_worker(id);\n        if limits.queue_ms > 0 {',
    tests: ['retries.test.ts'],
    match: ['a key stays held*'],
  },
  {
    name: 'retry-deadline',
    line: 'the deadline of a call that is run again goes on',
    file: `${HOST}/retrying.rs`,
    find: '(call.pausing, call.begun, call.run_by) = (true, false, None);',
    replace: `(call.pausing, call.begun, call.run_by) = (true, false, None);
        call.deadline = call.deadline.map(|_| now + std::time::Duration::from_millis(u64::from(call.timeout_ms)));`,
    tests: ['retries.test.ts'],
    match: ['the deadline of a call goes on'],
  },
]
