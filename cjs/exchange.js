"use strict";
// Owner of everything that passes between this JavaScript environment and the native half: the words, the bytes that
// come and go, the calls that wait for an answer, and the chain of looks that takes in what has come.
//
// The chain. After a call was sent, a microtask looks for what has come, and after that one the next, so that promise
// continuations run in between without the price of a turn of the event loop. After a millisecond at the latest it
// goes on by setImmediate, so that timers and I/O are served. When Rust says that it has gone to sleep the chain ends;
// Rust wakes it again through the event loop.
Object.defineProperty(exports, "__esModule", { value: true });
exports.FOREVER = exports.Exchange = void 0;
const node_perf_hooks_1 = require("node:perf_hooks");
const node_worker_threads_1 = require("node:worker_threads");
const outgoing_js_1 = require("./codec/outgoing.js");
const thrown_js_1 = require("./codec/thrown.js");
const failure_js_1 = require("./failure.js");
const native_js_1 = require("./native.js");
const rejected_js_1 = require("./rejected.js");
const INCOMING_BYTES = 256 * 1024;
/** `watchUs`: go to sleep at once if nothing is there. */
const SLEEP = 0xffffffff;
/** How long a chain of microtasks keeps timers and I/O waiting. */
const CHAIN_MS = 1;
/**
 * So many small calls are sent together while the workers have enough to do, and so many small answers. Each alone costs a
 * native call, a lock and a fetch of the ring's words; all of a microtask together would let both sides wait for each other.
 */
const CALLS_AT_ONCE = 8;
const ANSWERS_AT_ONCE = 16;
/** What is larger is sent at once, bytes. */
const SMALL_BYTES = 4 * 1024;
const ASLEEP = 0;
const QUEUED = 1;
const LOOKING = 2;
const resolved = Promise.resolve();
/**
 * Whether the event loop can watch the bells itself. Bun has libuv's functions as stubs that end the process; in Deno its
 * handles never fire. `PLUMP_IPC_WAKE=threadsafe` does without, as on every other system: for the tests, and for whoever
 * suspects that way of waking.
 */
function watchesBells() {
    const { env, versions } = process;
    if (versions['bun'] !== undefined || versions['deno'] !== undefined)
        return false;
    return versions['uv'] !== undefined && env['PLUMP_IPC_WAKE'] !== 'threadsafe';
}
function empty(out) {
    out.reset();
    out.shrink();
}
class Exchange {
    binding;
    /** Calls of this environment that wait for an answer. */
    inFlight = 0;
    #words = new Uint32Array(native_js_1.WORDS);
    #incoming = Buffer.allocUnsafeSlow(INCOMING_BYTES);
    #outgoing = [];
    #attached;
    #owners = [];
    #takers = new Map();
    #pending = [];
    /** Tokens of `#pending` that nobody uses. */
    #freeTokens = [];
    /** Calls and answers that are written down and not sent; the payloads of all of them are in the first buffer. */
    #calls = 0;
    #answers = 0;
    #flushQueued = false;
    #worker;
    #state = ASLEEP;
    #chainBegan = 0;
    /** When a chain ended. */
    #lastLook = 0;
    #fromLoop = false;
    #sent = false;
    #held = false;
    #watchUs = 0;
    /** Entries of the batch that is being taken in, and which one is next. */
    #batch = 0;
    #batchAt = 0;
    constructor(binding) {
        this.binding = binding;
        const outgoing = this.#newOutgoing();
        this.#attached = outgoing;
        const wake = () => this.#wake();
        const { bytes } = outgoing;
        binding.open(this.#words, this.#incoming, bytes, wake, !node_worker_threads_1.isMainThread, watchesBells());
    }
    // --- who takes part -----------------------------------------------------------------------------------------
    addOwner(pool, owner) {
        this.#owners[pool] = owner;
        this.#watchUs = Math.max(this.#watchUs, owner.spinUs);
        this.reconsider();
    }
    removeOwner(pool) {
        this.#owners[pool] = undefined;
        this.#watchUs = this.#worker?.spinUs ?? 0;
        for (const owner of this.#owners)
            if (owner !== undefined)
                this.#watchUs = Math.max(this.#watchUs, owner.spinUs);
        this.reconsider();
    }
    addTaker(queue, taker) {
        this.#takers.set(queue, taker);
        this.reconsider();
    }
    removeTaker(queue) {
        this.#takers.delete(queue);
        this.reconsider();
    }
    /** From now on this process is a worker: it stays alive for its host. */
    setWorker(worker) {
        this.#worker = worker;
        this.#watchUs = Math.max(this.#watchUs, worker?.spinUs ?? 0);
        this.reconsider();
        this.#beginChain();
    }
    /** Something has changed that decides whether the event loop must go on. */
    reconsider() {
        // While the chain goes on it keeps the loop alive by itself; what it leaves behind is looked at when it ends.
        if (this.#state === ASLEEP)
            this.#hold();
    }
    // --- sending ------------------------------------------------------------------------------------------------
    /** Bytes of `value`, from `start` on; what is returned must be sent or written down before anything else is encoded. */
    encode(codec, value, root) {
        const out = this.outgoing();
        // The user's code in a getter or codec may send something of its own in the middle of this.
        out.busy = true;
        try {
            codec.encode(value, out, root);
        }
        finally {
            out.busy = false;
        }
        return out;
    }
    /** A buffer that no encoder is writing into: a getter of a value can get here while that value is encoded. */
    outgoing() {
        const first = this.#outgoing[0];
        if (!first.busy) {
            // What was written down is still in there.
            if (this.#calls === 0 && this.#answers === 0)
                empty(first);
            first.start = first.position;
            return first;
        }
        let out = first;
        for (let i = 1; out.busy; i++)
            out = this.#outgoing[i] ?? this.#newOutgoing();
        empty(out);
        return out;
    }
    /**
     * Makes a call whose outcome `resolve` gets. It is sent now, or, where its workers have enough to do, with others that
     * are made before the next microtask.
     *
     * @throws PlumpSerializationError
     */
    post(owner, command, name, args, timeoutMs, resolve) {
        const out = this.encode(owner.codec, args, 'args');
        const mayWait = owner.inFlight > owner.enough &&
            out === this.#outgoing[0] &&
            out.segments.length === 0 &&
            out.position - out.start <= SMALL_BYTES;
        if (!mayWait)
            this.#submitCalls();
        let token = this.#freeTokens.pop();
        if (token === undefined) {
            token = this.#pending.length;
            this.#pending.push({ owner, command: name, resolve });
        }
        else {
            const call = this.#pending[token];
            call.owner = owner;
            call.command = name;
            call.resolve = resolve;
        }
        owner.inFlight++;
        this.inFlight++;
        this.#writeCall(owner, command, token, out, timeoutMs, 0);
        if (!mayWait || this.#calls === CALLS_AT_ONCE)
            this.#submitCalls(out);
        else
            this.#submitSoon();
    }
    /** Makes a call and blocks until it has settled; returns its result or throws what it failed with. */
    call(owner, command, name, args, timeoutMs) {
        const out = this.encode(owner.codec, args, 'args');
        this.flush();
        this.#writeCall(owner, command, NO_TOKEN, out, timeoutMs, 1);
        this.#sendCalls(out);
        const words = this.#words;
        const status = words[native_js_1.WORD.calls + native_js_1.CALL.status];
        if (status !== 0)
            throw (0, failure_js_1.statusError)(status);
        return this.#wait(words[native_js_1.WORD.calls + native_js_1.CALL.low], words[native_js_1.WORD.calls + native_js_1.CALL.high], owner, name);
    }
    #wait(low, high, owner, command) {
        const kept = this.#keepBatch();
        try {
            const words = this.#words;
            for (;;) {
                words[native_js_1.WORD.callLow] = low;
                words[native_js_1.WORD.callHigh] = high;
                this.binding.wait();
                const status = words[native_js_1.WORD.status];
                if (status === 0)
                    break;
                if (status !== native_js_1.STATUS.again)
                    throw (0, failure_js_1.statusError)(status);
                lookUp();
            }
            const at = native_js_1.WORD.table;
            switch (words[at + native_js_1.ENTRY.kind]) {
                case native_js_1.KIND.result:
                    return this.#decode(owner.codec, at);
                case native_js_1.KIND.thrown:
                    throw this.#decodeThrown(owner.codec, at);
                default:
                    throw owner.failure(this.#readFailure(at), command);
            }
        }
        finally {
            this.#restoreBatch(kept);
        }
    }
    /** Answers a call of the host. With `hold` the answer may wait for the next one or the next look. */
    answer(low, high, kind, runUs, out, hold) {
        const small = out === this.#outgoing[0] &&
            out.segments.length === 0 &&
            out.position - out.start <= SMALL_BYTES;
        if (!small)
            this.flushAnswers();
        const words = this.#words;
        const at = native_js_1.WORD.answers + this.#answers++ * native_js_1.ANSWER.words;
        words[at + native_js_1.ANSWER.low] = low;
        words[at + native_js_1.ANSWER.high] = high;
        words[at + native_js_1.ANSWER.kind] = kind;
        words[at + native_js_1.ANSWER.runUs] = runUs;
        words[at + native_js_1.ANSWER.offset] = out.start;
        words[at + native_js_1.ANSWER.length] = out.position - out.start;
        if (!hold || !small || this.#answers === ANSWERS_AT_ONCE)
            this.flushAnswers(out);
    }
    /** Sends what was written down. */
    flush() {
        this.#submitCalls();
        this.flushAnswers();
    }
    /** Sends the answers that were held back for those that follow; `out` has their payloads. */
    flushAnswers(out = this.#outgoing[0]) {
        if (this.#answers === 0)
            return;
        this.attach(out);
        this.#words[native_js_1.WORD.records] = this.#answers;
        this.#answers = 0;
        if (out.segments.length === 0) {
            this.binding.answer();
        }
        else {
            this.binding.answerWith(out.segments);
            out.dropSegments();
        }
    }
    /** Whether a look follows before the event loop goes on, which sends what was held back. */
    get looksSoon() {
        return this.#state === LOOKING || (this.#state === QUEUED && !this.#fromLoop);
    }
    #writeCall(owner, command, token, out, timeoutMs, blocking) {
        const words = this.#words;
        const at = native_js_1.WORD.calls + this.#calls++ * native_js_1.CALL.words;
        words[at + native_js_1.CALL.pool] = owner.id;
        words[at + native_js_1.CALL.command] = command;
        words[at + native_js_1.CALL.token] = token;
        words[at + native_js_1.CALL.offset] = out.start;
        words[at + native_js_1.CALL.length] = out.position - out.start;
        words[at + native_js_1.CALL.blocking] = blocking;
        words[at + native_js_1.CALL.timeoutMs] = timeoutMs;
    }
    #flushFromMicrotask = () => {
        this.#flushQueued = false;
        this.#submitCalls();
    };
    /** Sends the calls that were written down before the event loop goes on. */
    #submitSoon() {
        if (this.looksSoon || this.#flushQueued)
            return;
        this.#flushQueued = true;
        void resolved.then(this.#flushFromMicrotask);
    }
    /** Sends the calls that were written down, if there are any, and sees to it that their answers are looked for. */
    #submitCalls(out = this.#outgoing[0]) {
        const count = this.#calls;
        if (count === 0)
            return;
        this.#sendCalls(out);
        const words = this.#words;
        for (let i = 0, at = native_js_1.WORD.calls + native_js_1.CALL.status; i < count; i++, at += native_js_1.CALL.words)
            if (words[at] !== 0)
                this.#refused(at - native_js_1.CALL.status);
        if (words[native_js_1.WORD.asleep] === 1) {
            // Nobody would watch for the answers: they wake the event loop.
            if (this.#state === ASLEEP)
                this.#hold();
        }
        else if (this.#state === ASLEEP) {
            this.#beginChain();
        }
        else {
            this.#sent = true;
        }
    }
    #sendCalls(out) {
        this.attach(out);
        this.#words[native_js_1.WORD.records] = this.#calls;
        this.#calls = 0;
        if (out.segments.length === 0) {
            this.binding.submit();
        }
        else {
            this.binding.submitWith(out.segments);
            out.dropSegments();
        }
    }
    /** A call that was not even made. */
    #refused(at) {
        const words = this.#words;
        const { resolve } = this.#takePending(words[at + native_js_1.CALL.token]);
        resolve(Promise.reject((0, failure_js_1.statusError)(words[at + native_js_1.CALL.status])));
    }
    /** The call of a token, which is free again: use what is returned at once. */
    #takePending(token) {
        const call = this.#pending[token];
        this.#freeTokens.push(token);
        this.inFlight--;
        call.owner.inFlight--;
        return call;
    }
    publish(queue, out) {
        const words = this.#words;
        words[native_js_1.WORD.queue] = queue;
        this.attach(out);
        words[native_js_1.WORD.offset] = out.start;
        words[native_js_1.WORD.length] = out.position - out.start;
        if (out.segments.length === 0) {
            this.binding.publish();
        }
        else {
            this.binding.publishWith(out.segments);
            out.dropSegments();
        }
        const status = words[native_js_1.WORD.status];
        if (status !== 0)
            throw (0, failure_js_1.statusError)(status);
    }
    // --- waiting for events -------------------------------------------------------------------------------------
    /** Blocks until there is an event to take; false when the time is over. */
    poll(queue, waitMs) {
        return this.#waitForEvent(queue, waitMs, this.binding.poll);
    }
    /** Blocks for the next event, which `into` gets; false when the time is over. */
    take(queue, waitMs, codec, into) {
        const kept = this.#keepBatch();
        try {
            if (!this.#waitForEvent(queue, waitMs, this.binding.take))
                return false;
            into.value = this.#decode(codec, native_js_1.WORD.table);
            return true;
        }
        finally {
            this.#restoreBatch(kept);
        }
    }
    #waitForEvent(queue, waitMs, native) {
        const words = this.#words;
        const until = waitMs === exports.FOREVER ? Number.POSITIVE_INFINITY : node_perf_hooks_1.performance.now() + waitMs;
        for (;;) {
            words[native_js_1.WORD.queue] = queue;
            words[native_js_1.WORD.waitMs] =
                waitMs === exports.FOREVER ? exports.FOREVER : Math.max(0, Math.ceil(until - node_perf_hooks_1.performance.now()));
            native.call(this.binding);
            const status = words[native_js_1.WORD.status];
            if (status === 0)
                return true;
            if (status === native_js_1.STATUS.timeout)
                return false;
            if (status !== native_js_1.STATUS.again)
                throw (0, failure_js_1.statusError)(status);
            lookUp();
        }
    }
    // --- the chain of looks -------------------------------------------------------------------------------------
    #wake() {
        if (this.#state !== ASLEEP)
            return;
        this.#chainBegan = node_perf_hooks_1.performance.now();
        this.#look();
    }
    #beginChain() {
        if (this.#state !== ASLEEP)
            return;
        const now = node_perf_hooks_1.performance.now();
        // A chain that has just ended, with all calls answered, and begins again with the next call, is the same one: out of
        // microtasks alone the event loop would not go on.
        if (now - this.#lastLook >= CHAIN_MS)
            this.#chainBegan = now;
        this.#queueLook(now);
    }
    /** The next look: after the microtasks that are queued now, or, after a millisecond of them, when the event loop went on. */
    #queueLook(now) {
        if (now - this.#chainBegan < CHAIN_MS) {
            this.#queueMicrotask();
        }
        else {
            this.#state = QUEUED;
            this.#fromLoop = true;
            setImmediate(this.#lookFromLoop);
        }
    }
    #queueMicrotask() {
        this.#state = QUEUED;
        this.#fromLoop = false;
        // Not queueMicrotask(), which makes an AsyncResource each time.
        void resolved.then(this.#look);
    }
    #lookFromLoop = () => {
        this.#chainBegan = node_perf_hooks_1.performance.now();
        this.#look();
    };
    #look = () => {
        const words = this.#words;
        this.#state = LOOKING;
        this.flush();
        this.#sent = false;
        const worker = this.#worker;
        const expects = worker !== undefined || this.inFlight > 0;
        words[native_js_1.WORD.watchUs] = expects && this.#watchUs > 0 ? this.#watchUs : SLEEP;
        if (worker !== undefined)
            words[native_js_1.WORD.begun] = worker.begun;
        this.binding.drain();
        const asleep = words[native_js_1.WORD.asleep] === 1;
        const count = words[native_js_1.WORD.count];
        if (count > 0)
            this.#takeIn(count);
        // What was called for meanwhile is looked for, unless it wakes the event loop by itself.
        if (asleep && !this.#sent && this.#calls === 0 && this.#answers === 0) {
            if (worker?.busy === true)
                this.#tellBegun(worker);
            this.#state = ASLEEP;
            this.#hold();
            this.#lastLook = node_perf_hooks_1.performance.now();
        }
        else {
            this.#queueLook(node_perf_hooks_1.performance.now());
        }
    };
    /** The next look, which tells it otherwise, may be far: those that wait for something let others begin meanwhile. */
    #tellBegun(worker) {
        this.#words[native_js_1.WORD.begun] = worker.begun;
        this.binding.tellBegun();
    }
    #takeIn(count) {
        const words = this.#words;
        this.#batch = count;
        for (let i = 0; i < count; i++) {
            this.#batchAt = i + 1;
            const at = native_js_1.WORD.table + i * native_js_1.ENTRY.words;
            switch (words[at + native_js_1.ENTRY.kind]) {
                case native_js_1.KIND.result:
                case native_js_1.KIND.thrown:
                case native_js_1.KIND.failed:
                    this.#settle(at);
                    break;
                case native_js_1.KIND.call:
                    this.#takeCall(at, i + 1 < count);
                    break;
                case native_js_1.KIND.event:
                    this.#takeEvent(at);
                    break;
                case native_js_1.KIND.pool:
                    this.#takePoolEvent(at);
                    break;
                case native_js_1.KIND.cancel:
                    this.#worker?.cancel(words[at + native_js_1.ENTRY.id], words[at + native_js_1.ENTRY.b]);
                    break;
                case native_js_1.KIND.shutdown:
                    this.#worker?.shutdown();
                    break;
            }
        }
        this.#batch = 0;
    }
    #settle(at) {
        const words = this.#words;
        // Taken apart at once: a decoder can run the user's code, which makes calls of its own.
        const { owner, command, resolve } = this.#takePending(words[at + native_js_1.ENTRY.id]);
        try {
            switch (words[at + native_js_1.ENTRY.kind]) {
                case native_js_1.KIND.result:
                    resolve(this.#decode(owner.codec, at));
                    break;
                case native_js_1.KIND.thrown:
                    resolve((0, rejected_js_1.rejected)(this.#decodeThrown(owner.codec, at)));
                    break;
                default:
                    resolve((0, rejected_js_1.rejected)(owner.failure(this.#readFailure(at), command)));
            }
        }
        catch (error) {
            resolve((0, rejected_js_1.rejected)(error));
        }
    }
    #takeCall(at, more) {
        const worker = this.#worker;
        if (worker === undefined)
            return;
        const words = this.#words;
        const low = words[at + native_js_1.ENTRY.id];
        const high = words[at + native_js_1.ENTRY.b];
        const command = words[at + native_js_1.ENTRY.a];
        const after = at + native_js_1.ENTRY.words;
        const next = more && words[after + native_js_1.ENTRY.kind] === native_js_1.KIND.call ? words[after + native_js_1.ENTRY.a] : -1;
        let args;
        let failed = false;
        try {
            args = this.#decode(worker.codec, at);
        }
        catch (error) {
            args = error;
            failed = true;
        }
        worker.call(low, high, command, args, failed, next);
    }
    #takeEvent(at) {
        const taker = this.#takers.get(this.#words[at + native_js_1.ENTRY.id]);
        if (taker === undefined)
            return;
        let value;
        let failed = false;
        try {
            value = this.#decode(taker.codec, at);
        }
        catch (error) {
            value = error;
            failed = true;
        }
        taker.deliver(value, failed);
    }
    #takePoolEvent(at) {
        const owner = this.#owners[this.#words[at + native_js_1.ENTRY.id]];
        const { bytes, start, end } = this.#bytes(at);
        if (owner === undefined)
            return;
        // The events are JSON, but for a failed start, which has the form of a failure: its JSON begins at the fifth byte,
        // where the others have a letter of their first key.
        if (bytes[start + 4] === OPEN_BRACE) {
            const { facts, cause } = (0, failure_js_1.readFailure)(bytes, start, end);
            owner.onEvent(facts, cause);
        }
        else {
            owner.onEvent(JSON.parse(bytes.toString('utf8', start, end)), undefined);
        }
    }
    // --- bytes --------------------------------------------------------------------------------------------------
    #decode(codec, at) {
        const words = this.#words;
        const offset = words[at + native_js_1.ENTRY.offset];
        const length = words[at + native_js_1.ENTRY.length];
        if (offset !== native_js_1.LARGE)
            return codec.decode(this.#incoming, offset, offset + length, false);
        return codec.decode(this.#large(at), 0, length, true);
    }
    #decodeThrown(codec, at) {
        const { bytes, start, end } = this.#bytes(at);
        return (0, thrown_js_1.decodeThrown)(bytes, start, end, codec);
    }
    #readFailure(at) {
        const { bytes, start, end } = this.#bytes(at);
        return (0, failure_js_1.readFailure)(bytes, start, end);
    }
    #bytes(at) {
        const offset = this.#words[at + native_js_1.ENTRY.offset];
        const length = this.#words[at + native_js_1.ENTRY.length];
        return offset === native_js_1.LARGE
            ? { bytes: this.#large(at), start: 0, end: length }
            : { bytes: this.#incoming, start: offset, end: offset + length };
    }
    #large(at) {
        const token = this.#words[at + native_js_1.ENTRY.token];
        const taken = this.binding.takeLarge(token);
        if (taken !== undefined)
            return Buffer.from(taken);
        let buffer;
        try {
            buffer = new ArrayBuffer(this.#words[at + native_js_1.ENTRY.length]);
        }
        finally {
            // Also when there is no memory for it: a block that nobody fetches would never come back.
            this.binding.copyLarge(token, buffer);
        }
        return Buffer.from(buffer);
    }
    #newOutgoing() {
        const out = new outgoing_js_1.Outgoing({
            onReplace: (bytes) => {
                if (this.#attached !== undefined && this.#attached === out)
                    this.binding.attachOutgoing(bytes);
            },
        });
        this.#outgoing.push(out);
        return out;
    }
    /** Makes `out` the buffer that native functions read. */
    attach(out) {
        if (out === this.#attached)
            return;
        this.#attached = out;
        this.binding.attachOutgoing(out.bytes);
    }
    /**
     * User code runs while a batch is taken in: handlers, listeners, codecs. What it blocks for is answered through the
     * same words and bytes, so the rest of the batch is put aside meanwhile. Taking the whole batch out before user code
     * runs was refused: it costs every message what only this rare case needs.
     */
    #keepBatch() {
        const from = native_js_1.WORD.table + this.#batchAt * native_js_1.ENTRY.words;
        const to = native_js_1.WORD.table + this.#batch * native_js_1.ENTRY.words;
        if (from >= to)
            return undefined;
        const words = this.#words;
        let start = INCOMING_BYTES;
        let end = 0;
        for (let at = from; at < to; at += native_js_1.ENTRY.words) {
            const offset = words[at + native_js_1.ENTRY.offset];
            if (offset === native_js_1.LARGE)
                continue;
            start = Math.min(start, offset);
            end = Math.max(end, offset + words[at + native_js_1.ENTRY.length]);
        }
        return {
            from,
            words: words.slice(from, to),
            start,
            bytes: end > start ? Uint8Array.prototype.slice.call(this.#incoming, start, end) : undefined,
            batch: this.#batch,
            at: this.#batchAt,
        };
    }
    #restoreBatch(kept) {
        if (kept === undefined)
            return;
        this.#words.set(kept.words, kept.from);
        if (kept.bytes !== undefined)
            this.#incoming.set(kept.bytes, kept.start);
        this.#batch = kept.batch;
        this.#batchAt = kept.at;
    }
    #hold() {
        const alive = this.#mustStayAlive();
        if (alive === this.#held)
            return;
        this.#held = alive;
        this.#words[native_js_1.WORD.alive] = alive ? 1 : 0;
        this.binding.hold();
    }
    #mustStayAlive() {
        if (this.#worker !== undefined)
            return true;
        for (const owner of this.#owners)
            if (owner?.holds() === true)
                return true;
        for (const taker of this.#takers.values())
            if (taker.holds())
                return this.binding.busHasPeers();
        return false;
    }
}
exports.Exchange = Exchange;
/** `waitMs`: wait for ever. */
exports.FOREVER = 0xffffffff;
const OPEN_BRACE = 0x7b;
/** The outcome of a call for which its thread blocks is handed out without one. */
const NO_TOKEN = 0xffffffff;
/**
 * Where a thread that is being terminated ends. V8 looks for that when a function is entered; at the end of a short loop
 * it does so rarely that `terminate()` took three seconds.
 */
function lookUp() { }
//# sourceMappingURL=exchange.js.map