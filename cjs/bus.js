"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.plumpBus = exports.PlumpQueue = void 0;
const node_async_hooks_1 = require("node:async_hooks");
const codec_js_1 = require("./codec/codec.js");
const environment_js_1 = require("./environment.js");
const errors_js_1 = require("./errors.js");
const limits_js_1 = require("./generated/limits.js");
const exchange_js_1 = require("./exchange.js");
const failure_js_1 = require("./failure.js");
const link_js_1 = require("./link.js");
const options_js_1 = require("./options.js");
const shared_js_1 = require("./shared.js");
const waitRow = {
    name: 'timeoutMs',
    type: 'milliseconds',
    min: 0,
    max: 2_147_483_647,
    default: 'for ever',
};
/**
 * The bus: what one process of a family broadcasts, every other one hears. A family is a host's instances and all
 * their workers; queues of one name in different processes are one bus.
 *
 * A queue collects from the moment it is made, up to `capacity`, then drops the oldest; events go to the listeners if
 * there are any, to `get` and `poll` otherwise. Events of one publisher arrive in their order.
 */
class PlumpQueue {
    name;
    #capacity;
    #codec;
    #onError;
    #listeners = new Set();
    #exchange;
    #id = 0;
    #closed = false;
    constructor(options, opens = 'now') {
        const checked = (0, options_js_1.checkOptions)(options, options_js_1.queueOptions, 'PlumpQueue');
        this.name = checked.name ?? 'default';
        this.#capacity = checked.capacity ?? limits_js_1.limits.maxMailboxEvents;
        this.#codec = (0, codec_js_1.resolveCodec)(checked.codec ?? 'structured', {
            maxDepth: checked.maxDepth ?? 1_000,
            maxPayloadBytes: checked.maxPayloadBytes ?? 1024 ** 3,
        });
        this.#onError = checked.onError;
        if (opens === 'now')
            this.open();
    }
    /**
     * Begins to collect, if it has not begun.
     *
     * @internal
     */
    open() {
        if (this.#closed)
            throw new errors_js_1.PlumpConnectionError('ERR_PLUMP_BUS_CLOSED', `The queue '${this.name}' is closed. Use a new PlumpQueue.`);
        if (this.#exchange !== undefined)
            return this.#exchange;
        const opened = (0, environment_js_1.exchange)();
        try {
            this.#id = opened.binding.busOpen(this.name, this.#capacity);
        }
        catch (error) {
            throw (0, failure_js_1.nativeError)(error);
        }
        this.#exchange = opened;
        return opened;
    }
    /**
     * Sends a value to every other process of the family. Does not wait; where nobody listens it is dropped.
     *
     * @throws PlumpSerializationError when the value can't be sent; PlumpConnectionError `ERR_PLUMP_BUS_CLOSED`
     */
    broadcast(value) {
        const opened = this.open();
        opened.publish(this.#id, opened.encode(this.#codec, value, 'event'));
    }
    /**
     * Calls `callback(event, ...args)` for each event, from the event loop, which goes on while a live process could
     * broadcast (see `ref` and `unref`). What has been collected comes first. Callbacks start in the order of the events;
     * the promise of an async one is not waited for before the next event. An error in one is reported (option
     * `onError`) and does not stop the next.
     *
     * @throws PlumpError `ERR_PLUMP_INVALID_ARGUMENT`; PlumpConnectionError `ERR_PLUMP_BUS_CLOSED`
     */
    setupAsyncListener(callback, ...args) {
        checkCallback(callback);
        const opened = this.open();
        const listener = new Listener(callback, args, {
            remove: (gone) => {
                if (this.#listeners.delete(gone) && this.#listeners.size === 0 && !this.#closed) {
                    opened.binding.busListen(this.#id, false);
                    opened.removeTaker(this.#id);
                }
            },
            reconsider: () => opened.reconsider(),
        });
        this.#listeners.add(listener);
        if (this.#listeners.size === 1) {
            opened.addTaker(this.#id, this.#taker());
            opened.binding.busListen(this.#id, true);
        }
        return listener;
    }
    /**
     * Calls `callback(event, ...args)` for each event and blocks this thread; for a thread of its own. Returns when the
     * callback returns `false` or the queue is closed. An error in the callback is reported and does not stop the next.
     *
     * @throws PlumpError `ERR_PLUMP_INVALID_ARGUMENT`
     */
    setupListener(callback, ...args) {
        checkCallback(callback);
        while (!this.#closed) {
            const opened = this.#blocking();
            const into = { value: undefined };
            try {
                opened.take(this.#id, exchange_js_1.FOREVER, this.#codec, into);
            }
            catch (error) {
                if (error.code === 'ERR_PLUMP_BUS_CLOSED')
                    return;
                // The event is taken, and only it is lost.
                if (!(error instanceof errors_js_1.PlumpSerializationError))
                    throw error;
                this.#report(error);
                continue;
            }
            try {
                const result = callback(into.value, ...args);
                if (result === false)
                    return;
                this.#watchPromise(result);
            }
            catch (error) {
                this.#report(error);
            }
        }
    }
    /**
     * Blocks this thread until an event is there, and returns it.
     *
     * @param timeoutMs how long to wait, milliseconds from 0; default: for ever.
     * @throws PlumpTimeoutError `ERR_PLUMP_BUS_TIMEOUT`; PlumpConnectionError `ERR_PLUMP_BUS_CLOSED`; PlumpError
     * `ERR_PLUMP_INVALID_ARGUMENT` while the queue has listeners, which get its events.
     */
    get(timeoutMs) {
        const waitMs = waitOf(timeoutMs, exchange_js_1.FOREVER);
        const into = { value: undefined };
        if (this.#blocking().take(this.#id, waitMs, this.#codec, into))
            return into.value;
        throw new errors_js_1.PlumpTimeoutError('ERR_PLUMP_BUS_TIMEOUT', `No event arrived on the queue '${this.name}' within ${waitMs} ms. Where that is normal, ask poll() first.`, { timeoutMs: waitMs });
    }
    /**
     * Whether an event is there for `get`; waits for one.
     *
     * @param timeoutMs how long to wait, blocking, milliseconds; default 0.
     * @throws as `get`, but for the timeout.
     */
    poll(timeoutMs) {
        return this.#blocking().poll(this.#id, waitOf(timeoutMs, 0));
    }
    /**
     * Names the link to whose process this queue broadcasts. Every process that has a link of this host is of the family
     * and hears everything anyway: this begins to collect, checks the link, and is there for programs that were
     * written for a bus of one pipe.
     *
     * @throws PlumpError `ERR_PLUMP_INVALID_ARGUMENT`
     */
    setProducer(link) {
        return this.#attach(link, 'setProducer');
    }
    /**
     * Names the link from whose process this queue hears; see `setProducer`.
     *
     * @throws PlumpError `ERR_PLUMP_INVALID_ARGUMENT`
     */
    setConsumer(link) {
        return this.#attach(link, 'setConsumer');
    }
    /** Ends the queue and its listeners in this process; the other processes' go on. May be called again. */
    close() {
        if (this.#closed)
            return;
        this.#closed = true;
        for (const listener of this.#listeners)
            listener.close();
        this.#listeners.clear();
        if (this.#exchange === undefined)
            return;
        this.#exchange.removeTaker(this.#id);
        this.#exchange.binding.busClose(this.#id);
    }
    [Symbol.dispose]() {
        this.close();
    }
    /** What has passed through this queue in this process. */
    stats() {
        if (this.#exchange === undefined || this.#closed)
            return { published: 0, received: 0, dropped: 0, undelivered: 0 };
        return JSON.parse(this.#exchange.binding.busStats(this.#id));
    }
    #taker() {
        return {
            codec: this.#codec,
            holds: () => {
                for (const listener of this.#listeners)
                    if (listener.refed)
                        return true;
                return false;
            },
            deliver: (value, failed) => {
                if (failed) {
                    this.#report(value);
                    return;
                }
                for (const listener of this.#listeners) {
                    try {
                        this.#watchPromise(listener.call(value));
                    }
                    catch (error) {
                        this.#report(error);
                    }
                }
            },
        };
    }
    #watchPromise(result) {
        if (result instanceof Promise)
            result.catch((error) => this.#report(error));
    }
    /** Nothing that it calls may reach the one who delivers events. */
    #report(error) {
        try {
            if (this.#onError !== undefined) {
                this.#onError(error);
                return;
            }
        }
        catch (again) {
            error = again;
        }
        const text = error instanceof Error ? (error.stack ?? error.message) : (0, options_js_1.shown)(error);
        process.emitWarning(`A listener of the queue '${this.name}' failed: ${text}`, {
            type: 'PlumpListenerWarning',
        });
    }
    #blocking() {
        if (this.#listeners.size > 0)
            throw new errors_js_1.PlumpError('ERR_PLUMP_INVALID_ARGUMENT', `The queue '${this.name}' has listeners, which get its events. Close them before get, poll or setupListener, or use a queue of its own.`);
        return this.open();
    }
    #attach(link, method) {
        if (!(0, link_js_1.isOwnLink)(link))
            throw new errors_js_1.PlumpError('ERR_PLUMP_INVALID_ARGUMENT', `${method} takes what createLink() of this process returned, got ${(0, options_js_1.shown)(link)}.`);
        this.open();
        return this;
    }
}
exports.PlumpQueue = PlumpQueue;
/** The bus named `'default'`: in a worker it collects from its start, in a host from the first start or first use. */
exports.plumpBus = (0, shared_js_1.once)('bus', () => new PlumpQueue(undefined, 'on first use'));
class Listener {
    refed = true;
    #callback;
    #args;
    #queue;
    #open = true;
    constructor(callback, args, queue) {
        // Without it the callback would run in the async context of whatever call came before the event.
        this.#callback = node_async_hooks_1.AsyncResource.bind(callback, 'PlumpListener');
        this.#args = args;
        this.#queue = queue;
    }
    call(event) {
        return this.#open ? this.#callback(event, ...this.#args) : undefined;
    }
    close() {
        this.#open = false;
        this.#queue.remove(this);
    }
    ref() {
        this.refed = true;
        this.#queue.reconsider();
        return this;
    }
    unref() {
        this.refed = false;
        this.#queue.reconsider();
        return this;
    }
    [Symbol.dispose]() {
        this.close();
    }
}
function checkCallback(callback) {
    if (typeof callback !== 'function')
        throw new errors_js_1.PlumpError('ERR_PLUMP_INVALID_ARGUMENT', `A listener must be a function, got ${(0, options_js_1.shown)(callback)}.`);
}
function waitOf(timeoutMs, otherwise) {
    if (timeoutMs === undefined)
        return otherwise;
    return (0, options_js_1.checkOptions)({ timeoutMs }, [waitRow], 'the queue').timeoutMs;
}
//# sourceMappingURL=bus.js.map