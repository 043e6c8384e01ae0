"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.PlumpIPC = void 0;
const call_async_js_1 = require("./call-async.js");
const call_sync_js_1 = require("./call-sync.js");
const options_js_1 = require("./options.js");
const errors_js_1 = require("./errors.js");
const environment_js_1 = require("./environment.js");
const link_js_1 = require("./link.js");
const module_url_js_1 = require("./module-url.js");
const pool_js_1 = require("./pool.js");
const register_js_1 = require("./register.js");
const registry_js_1 = require("./registry.js");
const shared_js_1 = require("./shared.js");
const bus_js_1 = require("./bus.js");
const worker_side_js_1 = require("./worker/worker-side.js");
/**
 * Calls functions that live in other processes. In the host: `start(module)`, then `call` and `acall`. In the worker:
 * `command` and `setContext`, in addition to what its module exports.
 *
 * `Commands` is the type of the worker's module, `typeof import('./math.ts')`, or of an object or class with its
 * commands as methods; names, arguments and results of calls are inferred from it.
 */
class PlumpIPC {
    #options;
    #codec;
    #pool;
    #refed = true;
    #closed = false;
    #closing;
    #timeoutMs = 0;
    /**
     * @throws PlumpError `ERR_PLUMP_INVALID_OPTION`
     */
    constructor(options) {
        this.#options = (0, options_js_1.checkOptions)(options, options_js_1.instanceOptions, 'PlumpIPC');
    }
    // --- host ---------------------------------------------------------------------------------------------------
    /**
     * Begins to start the workers with that module and returns at once; calls wait until the first of them is ready.
     * What goes wrong while the module loads comes from `ready()` and from the calls.
     *
     * @param module the worker's module, as `URL` (`new URL('./worker.js', import.meta.url)`) or absolute path.
     * @param options win over those of the constructor.
     * @throws PlumpError `ERR_PLUMP_INVALID_OPTION`, `ERR_PLUMP_INVALID_ARGUMENT`, `ERR_PLUMP_ALREADY_STARTED`,
     * `ERR_PLUMP_START_IN_WORKER`, `ERR_PLUMP_NESTING_TOO_DEEP`, `ERR_PLUMP_TOO_MANY_WORKERS`, `ERR_PLUMP_BINDING_MISSING`;
     * PlumpConnectionError `ERR_PLUMP_CLOSED` after `close()`.
     */
    start(module, options) {
        const checked = (0, options_js_1.checkOptions)(options, options_js_1.instanceOptions, 'start()');
        const url = (0, module_url_js_1.moduleUrl)(module);
        if (this.#pool !== undefined)
            throw new errors_js_1.PlumpError('ERR_PLUMP_ALREADY_STARTED', 'This instance was started before. Use one instance for each worker module: new PlumpIPC() or spawn().');
        this.#open(url, { ...this.#options, ...checked });
        return this;
    }
    /**
     * Resolves when the first worker is ready.
     *
     * @throws (rejects) PlumpWorkerError `ERR_PLUMP_START_FAILED` with what the module threw as `cause`;
     * PlumpTimeoutError `ERR_PLUMP_START_TIMEOUT`; PlumpConnectionError `ERR_PLUMP_SPAWN_FAILED`, `ERR_PLUMP_NOT_STARTED`, `ERR_PLUMP_CLOSED`.
     */
    ready() {
        try {
            return this.#started().ready();
        }
        catch (error) {
            return Promise.reject(error);
        }
    }
    /**
     * Calls a command in a worker and blocks this thread until it has settled. Needs no `await` anywhere before it.
     *
     * @returns what the handler returned, its promise awaited.
     * @throws what the handler threw, with the worker's stack above the caller's; PlumpWorkerError when the worker ends
     * or does not start; PlumpTimeoutError; PlumpSerializationError; PlumpConnectionError `ERR_PLUMP_NOT_STARTED`,
     * `ERR_PLUMP_CLOSED`; PlumpError `ERR_PLUMP_UNKNOWN_COMMAND`, `ERR_PLUMP_INVALID_COMMAND_NAME`, `ERR_PLUMP_QUEUE_FULL`.
     */
    call(name, ...args) {
        const pool = this.#pool ?? this.#started();
        return (0, call_sync_js_1.callSync)(pool, name, args, this.#timeoutMs);
    }
    /**
     * Calls a command in a worker. The event loop stays free; the promise settles as `call` returns or throws, and
     * `acall` itself never throws.
     */
    acall(name, ...args) {
        const pool = this.#pool;
        const promise = pool === undefined ? this.#notStarted() : (0, call_async_js_1.callAsync)(pool, name, args, this.#timeoutMs);
        return promise;
    }
    /**
     * `call` and `acall` with options for these calls alone.
     *
     * @throws PlumpError `ERR_PLUMP_INVALID_OPTION`
     */
    with(options) {
        const { timeoutMs } = (0, options_js_1.checkOptions)(options, options_js_1.callOptions, 'with()');
        return {
            call: (name, ...args) => (0, call_sync_js_1.callSync)(this.#started(), name, args, timeoutMs ?? this.#timeoutMs),
            acall: (name, ...args) => (this.#pool === undefined
                ? this.#notStarted()
                : (0, call_async_js_1.callAsync)(this.#pool, name, args, timeoutMs ?? this.#timeoutMs)),
        };
    }
    /**
     * A link for a worker process that the program starts itself, in any way that can hand over descriptors; that
     * process calls `runWorker()`. On an instance that was not started, links are its only workers.
     *
     * @throws PlumpError `ERR_PLUMP_TOO_MANY_WORKERS`, `ERR_PLUMP_NESTING_TOO_DEEP`; PlumpConnectionError `ERR_PLUMP_CLOSED`
     */
    createLink() {
        const pool = this.#pool ?? this.#open(undefined, this.#options);
        const depth = (0, pool_js_1.depthEnvironment)();
        const native = pool.createLink();
        return (0, link_js_1.makeLink)(native, depth, () => pool.exchange.binding.linkHanded(pool.id, native.link));
    }
    /**
     * Ends the workers: new calls and those that wait are rejected with `ERR_PLUMP_CLOSED`, those that have begun get
     * `graceMs` to finish, then their workers are ended. Resolves when all are gone; may be called again.
     *
     * @throws (rejects) PlumpError `ERR_PLUMP_INVALID_OPTION`
     */
    async close(options) {
        const { graceMs = 5_000 } = (0, options_js_1.checkOptions)(options, options_js_1.closeOptions, 'close()');
        this.#closed = true;
        this.#closing ??= this.#pool?.close(graceMs);
        await this.#closing;
    }
    [Symbol.asyncDispose]() {
        return this.close();
    }
    /** The event loop goes on while calls are in flight (the default). */
    ref() {
        this.#setRefed(true);
        return this;
    }
    /** Calls in flight no longer keep the event loop going. */
    unref() {
        this.#setRefed(false);
        return this;
    }
    /** A look at the workers and at what waits for them. */
    stats() {
        const pool = this.#pool;
        if (pool === undefined)
            return NOT_STARTED;
        if (pool.closed)
            return { ...NOT_STARTED, state: 'closed' };
        pool.exchange.flush();
        return JSON.parse(pool.exchange.binding.poolStats(pool.id));
    }
    // --- both ---------------------------------------------------------------------------------------------------
    /**
     * A codec of the program's own for this instance (in the host, before `start`), or for this process (in a worker,
     * while its module loads). Its name must be the same on both sides.
     *
     * @throws PlumpError `ERR_PLUMP_INVALID_ARGUMENT`, `ERR_PLUMP_ALREADY_STARTED`
     */
    useCodec(codec) {
        if (!(0, options_js_1.isCodec)(codec))
            throw new errors_js_1.PlumpError('ERR_PLUMP_INVALID_ARGUMENT', `useCodec takes { name, encode, decode }, got ${(0, options_js_1.shown)(codec)}.`);
        if (this.#pool !== undefined)
            throw new errors_js_1.PlumpError('ERR_PLUMP_ALREADY_STARTED', 'useCodec must be called before start(): the workers have been told the codec.');
        this.#codec = codec;
        if (shared_js_1.isWorker)
            (0, worker_side_js_1.workerSide)().useCodec(codec);
        return this;
    }
    /**
     * Asks for the end and returns at once. In the host: of this instance, as `close()` does. In a worker whose
     * instance was not started: of this worker, after what has begun.
     */
    stopWorker() {
        if (this.#pool === undefined && shared_js_1.isWorker) {
            (0, worker_side_js_1.workerSide)().stop();
            return;
        }
        void this.close();
    }
    // --- worker -------------------------------------------------------------------------------------------------
    /**
     * Registers a command of this process. A function: `command(fn)`, `command(name, fn)`; it is returned, and runs with
     * the instance given to `setContext` as `this`, if there is one. A method: `@plump.command()`, `@plump.command(name)`.
     *
     * @throws PlumpError `ERR_PLUMP_DUPLICATE_COMMAND`, `ERR_PLUMP_INVALID_COMMAND_NAME`, `ERR_PLUMP_INVALID_ARGUMENT`
     */
    get command() {
        return register_js_1.command;
    }
    /**
     * The instance on which this process's commands run.
     *
     * @throws PlumpError `ERR_PLUMP_INVALID_ARGUMENT`
     */
    setContext(instance) {
        if ((typeof instance !== 'object' && typeof instance !== 'function') || instance === null)
            throw new errors_js_1.PlumpError('ERR_PLUMP_INVALID_ARGUMENT', `setContext takes an object, got ${(0, options_js_1.shown)(instance)}.`);
        registry_js_1.registry.context = instance;
        return this;
    }
    /**
     * Begins to serve calls, in a process that was started with the entries of `createLink()`. A module that was started
     * by `start` or `spawn` is served anyway; there it does nothing.
     *
     * @throws PlumpConnectionError `ERR_PLUMP_NOT_A_WORKER`, `ERR_PLUMP_INVALID_LINK`, `ERR_PLUMP_VERSION_MISMATCH`
     */
    runWorker() {
        (0, worker_side_js_1.workerSide)().run();
    }
    // --- inside -------------------------------------------------------------------------------------------------
    #open(url, options) {
        if (this.#closed)
            throw closed();
        if (shared_js_1.isWorker && (0, worker_side_js_1.workerSide)().loading)
            throw new errors_js_1.PlumpError('ERR_PLUMP_START_IN_WORKER', "A worker's module tried to start workers while it was loading. Guard host code with `if (!isWorker)`, or start them inside a command.");
        if (this.#codec !== undefined && options.codec === undefined)
            options = { ...options, codec: this.#codec };
        const environment = (0, environment_js_1.exchange)();
        bus_js_1.plumpBus.open();
        const pool = new pool_js_1.Pool(environment, url, options);
        pool.refed = this.#refed;
        this.#timeoutMs = options.timeoutMs ?? 0;
        this.#pool = pool;
        return pool;
    }
    #started() {
        if (this.#pool !== undefined)
            return this.#pool;
        if (this.#closed)
            throw closed();
        throw new errors_js_1.PlumpConnectionError('ERR_PLUMP_NOT_STARTED', 'No worker was started for this instance: call start(module) first, or use spawn(module).');
    }
    async #notStarted() {
        return this.#started();
    }
    #setRefed(refed) {
        this.#refed = refed;
        if (this.#pool === undefined)
            return;
        this.#pool.refed = refed;
        this.#pool.exchange.reconsider();
    }
}
exports.PlumpIPC = PlumpIPC;
const NOT_STARTED = {
    name: '',
    state: 'not started',
    workers: [],
    queued: 0,
    queuedBytes: 0,
    spinHits: 0,
    spinMisses: 0,
    commands: [],
};
function closed() {
    return new errors_js_1.PlumpConnectionError('ERR_PLUMP_CLOSED', 'This instance is closed. Use a new one: new PlumpIPC() or spawn().');
}
//# sourceMappingURL=plump-ipc.js.map