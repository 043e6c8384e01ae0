// Generated from src/index.ts by `npm run generate`; edit the sources.

/**
 * Memory for a large argument, from `allocate(bytes)` of an instance. Fill `bytes`, then pass the block itself to a call of
 * that instance: the handler gets a `Uint8Array` of the same memory, without a copy.
 *
 * Passing it moves it: once the call was made, however that ends, the block can't be used again. A call that could not be
 * made (its arguments can't be sent, the queue is full, the instance is closed) leaves it as it is. Views of `bytes` that
 * were kept from before must not be used any more: their memory is somebody else's.
 */
export declare class PlumpBlock implements Disposable {
	/** How many bytes it has. */
	readonly byteLength: number;
	/**
	 * The memory. What is in it at first is whatever an earlier block of this instance left there, or zeros.
	 *
	 * @throws PlumpSerializationError `ERR_PLUMP_BLOCK_GONE` once the block was passed to a call or released.
	 */
	get bytes(): Uint8Array;
	/** Gives the memory back, if the block was not passed to a call. Does nothing the second time. */
	release(): void;
	[Symbol.dispose](): void;
	/** @throws PlumpSerializationError `ERR_PLUMP_UNSERIALIZABLE`: JSON has no form for bytes. */
	toJSON(): never;
}
/** The stable codes of all errors of plump-ipc. docs/errors.md says what to do about each. */
export type PlumpErrorCode = "ERR_PLUMP_WORKER_EXITED" | "ERR_PLUMP_WORKER_KILLED" | "ERR_PLUMP_WORKER_LOST" | "ERR_PLUMP_WORKER_UNRESPONSIVE" | "ERR_PLUMP_START_FAILED" | "ERR_PLUMP_START_TIMEOUT" | "ERR_PLUMP_SPAWN_FAILED" | "ERR_PLUMP_PROTOCOL" | "ERR_PLUMP_VERSION_MISMATCH" | "ERR_PLUMP_CLOSED" | "ERR_PLUMP_NOT_STARTED" | "ERR_PLUMP_ALREADY_STARTED" | "ERR_PLUMP_NOT_A_WORKER" | "ERR_PLUMP_START_IN_WORKER" | "ERR_PLUMP_NESTING_TOO_DEEP" | "ERR_PLUMP_TOO_MANY_WORKERS" | "ERR_PLUMP_UNKNOWN_COMMAND" | "ERR_PLUMP_DUPLICATE_COMMAND" | "ERR_PLUMP_INVALID_COMMAND_NAME" | "ERR_PLUMP_INVALID_OPTION" | "ERR_PLUMP_INVALID_ARGUMENT" | "ERR_PLUMP_CALL_TIMEOUT" | "ERR_PLUMP_BUS_TIMEOUT" | "ERR_PLUMP_UNSERIALIZABLE" | "ERR_PLUMP_TOO_DEEP" | "ERR_PLUMP_PAYLOAD_TOO_LARGE" | "ERR_PLUMP_DECODE" | "ERR_PLUMP_CODEC" | "ERR_PLUMP_CODEC_MISMATCH" | "ERR_PLUMP_GENERATOR_RESULT" | "ERR_PLUMP_QUEUE_FULL" | "ERR_PLUMP_BINDING_MISSING" | "ERR_PLUMP_BUS_CLOSED" | "ERR_PLUMP_INVALID_LINK" | "ERR_PLUMP_NO_CONTEXT" | "ERR_PLUMP_BLOCK_GONE" | "ERR_PLUMP_CANCELLED" | "ERR_PLUMP_QUEUE_TIMEOUT" | "ERR_PLUMP_RUN_TIMEOUT" | "ERR_PLUMP_WORKER_ENDED" | "ERR_PLUMP_NO_CALL" | "ERR_PLUMP_CIRCUIT_OPEN" | "ERR_PLUMP_BLOCK_LIMIT";
/**
 * What every error of this package is.
 *
 * `code` never changes between versions and is what programs should look at; docs/errors.md has one heading for each.
 */
export declare class PlumpError extends Error {
	/** Stable, one of the union. */
	readonly code: PlumpErrorCode;
	/** What to do about it, in one sentence. */
	readonly remedy: string;
	constructor(code: PlumpErrorCode, message?: string, options?: ErrorOptions);
	/**
	 * One process may have loaded this package twice, from two places; `instanceof` holds across the two. Sharing
	 * the classes through `globalThis` was refused: their types would no longer be classes in the declarations.
	 */
	static [Symbol.hasInstance](value: unknown): boolean;
}
/** The link to a worker can't be made, or was closed. */
export declare class PlumpConnectionError extends PlumpError {
}
interface WorkerErrorDetails {
	cause?: unknown;
	/** Process id of the worker. */
	pid?: number | undefined;
	/** Its exit code, if it exited by itself. */
	exitCode?: number | undefined;
	/** Name of the signal that ended it, if one did. */
	signal?: string | undefined;
	/** Name of the command that was called. */
	command?: string | undefined;
	/** The last that it wrote to stderr, at most 4 KiB. */
	stderr?: string | undefined;
	/** Id of the call because of which it was ended. */
	causedBy?: string | undefined;
	/** How many workers had the call. */
	runs?: number | undefined;
}
/** The worker failed to start, or ended while the call was on it. */
export declare class PlumpWorkerError extends PlumpError {
	/** Process id of the worker. */
	readonly pid?: number;
	/** Its exit code, if it exited by itself and that is known. */
	readonly exitCode?: number;
	/** Name of the signal that ended it, if one did. */
	readonly signal?: string;
	/** Name of the command that was called. */
	readonly command?: string;
	/** The last that the worker wrote to stderr, at most 4 KiB. */
	readonly stderr?: string;
	/** With `ERR_PLUMP_WORKER_ENDED`: `context.callId` of the call because of which it was ended. */
	readonly causedBy?: string;
	/**
	 * How many workers had the call, each of which may have begun it: 1, or more for an idempotent command. Absent where none
	 * had.
	 */
	readonly runs?: number;
	constructor(code: PlumpErrorCode, message?: string, details?: WorkerErrorDetails);
}
/** A value can't travel, or bytes that came are none. */
export declare class PlumpSerializationError extends PlumpError {
	/** Where in the arguments or the result the value is, for example `args[0].user.callback`. */
	readonly path?: string;
	constructor(code: PlumpErrorCode, message?: string, details?: {
		cause?: unknown;
		path?: string | undefined;
	});
}
/** A limit of time was reached. */
export declare class PlumpTimeoutError extends PlumpError {
	/** The limit, in milliseconds. */
	readonly timeoutMs?: number;
	/** Name of the command, when it was a call. */
	readonly command?: string;
	constructor(code: PlumpErrorCode, message?: string, details?: {
		cause?: unknown;
		timeoutMs?: number | undefined;
		command?: string | undefined;
	});
}
/** The caller gave the call up: its `signal` was aborted. `name` is `'AbortError'`, as on the web; `cause` is the signal's reason. */
export declare class PlumpAbortError extends PlumpError {
	/** Name of the command. */
	readonly command?: string;
	constructor(code: PlumpErrorCode, message?: string, details?: {
		cause?: unknown;
		command?: string | undefined;
	});
}
/**
 * Turns values into bytes and back. Both sides of a link must use the same one: names are compared when they meet.
 */
export interface Codec {
	readonly name: string;
	/**
	 * Called with the list of arguments, a result, a thrown value that is no error, or an event. A string is sent
	 * as UTF-8. What it throws rejects that call alone, as the cause of `ERR_PLUMP_CODEC`.
	 */
	encode(value: unknown): Uint8Array | string;
	/** Called with a private copy of the bytes, which it may keep. */
	decode(bytes: Uint8Array): unknown;
}
/**
 * `'structured'` (default): the values of structured clone. `'json'`: what JSON can say, as `JSON.stringify()` says it.
 * Or one of your own.
 */
export type CodecOption = "structured" | "json" | Codec;
/** Any function. */
export type Handler = (...args: never[]) => unknown;
/** Commands of which nothing is known: any name, any arguments, results to be looked at before use. */
export type AnyCommands = Record<string, (...args: unknown[]) => unknown>;
/** The names of a module's (or an object's) functions, `default` left out. */
export type CommandName<Commands> = {
	[Name in keyof Commands]: Name extends "default" ? never : Commands[Name] extends Handler ? Name : never;
}[keyof Commands] & string;
/** What a command takes. */
export type CommandArguments<Command> = Command extends (...args: infer Arguments) => unknown ? {
	[At in keyof Arguments]: OrBlock<Arguments[At]>;
} : never;
type OrBlock<Argument> = Uint8Array extends Argument ? Argument | PlumpBlock : Argument;
/** What a call of a command gives: what the handler returns, with its promise awaited. */
export type CommandResult<Command> = Command extends (...args: never[]) => infer Result ? Awaited<Result> : never;
/** `call` and `acall` with options of their own, from `with(options)`. */
export interface Calls<Commands = AnyCommands> {
	/** Calls a command and blocks this thread until it has settled. See `PlumpIPC.call`. */
	call<Name extends CommandName<Commands>>(name: Name, ...args: CommandArguments<Commands[Name]>): CommandResult<Commands[Name]>;
	/** Calls a command; the event loop stays free. See `PlumpIPC.acall`. */
	acall<Name extends CommandName<Commands>>(name: Name, ...args: CommandArguments<Commands[Name]>): Promise<CommandResult<Commands[Name]>>;
}
/**
 * Options of a command: where it is registered, `plump.command(name, fn, options)`, and at the host, `start(module, { commands:
 * { [name]: options } })`. What `with(options)` says for a call wins over the host's `commands`, these over the registration,
 * and that over the options of the instance.
 */
export interface CommandOptions {
	/** Milliseconds a call may take; the clock starts when it is made. */
	timeoutMs?: number;
	/** Milliseconds a call may wait; the clock starts when it is made and stops when its handler is called. */
	queueMs?: number;
	/** Milliseconds its handler may run; the clock starts when that is called. */
	runMs?: number;
	/** Milliseconds its handler has to stop when nobody waits for the call any more, before its worker is ended. */
	graceMs?: number;
	/** Calls of higher priority go first among those that wait; -100 to 100. */
	priority?: number;
	/** How many of its calls one worker may have at once, 1 to 65,536. Default: as many as `concurrency` of the instance allows. */
	concurrency?: number;
	/**
	 * Running it twice does no harm: a call whose worker dies is run again, `retries` times at most. What the handler throws is
	 * never a reason to. Default `false`.
	 */
	idempotent?: boolean;
	/** How often a call is run again, 0 to 100; only for an idempotent command. Default 2. */
	retries?: number;
	/** The longest pause before a call is run again for the first time, milliseconds; it doubles each time. Default 100. */
	retryMs?: number;
	/** What doubling that pause stops at, milliseconds. Default 10,000. */
	maxRetryMs?: number;
}
/** Options of an instance: for `new PlumpIPC(options)`, `start(module, options)` and `spawn(module, options)`. */
export interface PlumpOptions<Commands = AnyCommands> {
	/** Shown in stats and errors. Default: the module's file name. */
	name?: string;
	/**
	 * How many worker processes, 1 to 1,024; `'auto'` = as many as this process may use: by CPU affinity, the container's
	 * quota of CPU time and memory (`stats().auto` says what was found); or a range, within which the number follows what is
	 * asked. Default 1.
	 */
	workers?: number | "auto" | WorkerRange;
	/** Workers that are kept ready beyond those that are used, where starting one takes longer than a call may wait. Default 0. */
	spare?: number;
	/** Milliseconds for which the first call waits before a further worker of a range is started. Default 20. */
	growMs?: number;
	/** Variables to add to or, with `undefined`, to take out of the environment that the workers inherit. */
	env?: Readonly<Record<string, string | undefined>>;
	/** Working directory of the workers. Default: that of the host. */
	cwd?: string | URL;
	/** What the workers find in `process.argv` from place 2 on. */
	argv?: readonly string[];
	/** Flags for the workers' Node. Default: those of the host without `--inspect…`, `--eval` and the like. */
	execArgv?: readonly string[];
	/** Executable that runs the workers. Default `process.execPath`. */
	execPath?: string;
	/** Options of commands, by their names. They win over those that a command was registered with. */
	commands?: {
		readonly [Name in CommandName<Commands>]?: CommandOptions | undefined;
	};
	/** How values become bytes. Default `'structured'`, the semantics of structured clone. */
	codec?: CodecOption;
	/** Module whose export `codec` (or default export) is the worker's side of a codec of your own. */
	codecModule?: URL | string;
	/** Milliseconds a worker may take until it is ready; the clock starts when it is made. Default 30,000. */
	startTimeoutMs?: number;
	/** Milliseconds a call may take; the clock starts when it is made. Default: no limit. */
	timeoutMs?: number;
	/** Milliseconds a call may wait; the clock starts when it is made and stops when its handler is called. Default: no limit. */
	queueMs?: number;
	/** Milliseconds a handler may run; the clock starts when it is called. Default: no limit. */
	runMs?: number;
	/**
	 * Milliseconds a handler has to stop; the clock starts when nobody waits for its call any more: it was cancelled, or its
	 * time is over. Then its worker is ended and replaced. Default 5,000.
	 */
	graceMs?: number;
	/**
	 * Milliseconds that a worker which was asked to end has for its teardown functions and to exit; the clock starts when its
	 * last handler is done. Then its process is ended by a signal. Default 5,000.
	 */
	teardownMs?: number;
	/** The largest encoded argument list or result, bytes. Default 1 GiB. */
	maxPayloadBytes?: number;
	/** How deep a value may be nested. Default 1,000. */
	maxDepth?: number;
	/**
	 * Shared memory that large payloads between the host and one worker may take in each direction, bytes; 0 = none. What
	 * finds no room there takes a slower way. Memory for copies of results has the same limit, for all workers together.
	 * Default 256 MiB.
	 */
	maxBlockBytes?: number;
	/** Milliseconds after which memory for large payloads that is not used any more is given back to the system. Default 1,000. */
	blockIdleMs?: number;
	/**
	 * Large results are not copied: the host is shown the worker's memory, which the worker could still write. Only for
	 * workers whose every line is yours. Default `false`.
	 */
	trusted?: boolean;
	/** How many handlers may interleave in one worker. Default 16. */
	concurrency?: number;
	/** What carries the calls: shared memory or pipes. Default `'auto'`: the fastest that this platform has. */
	channel?: "auto" | "pipe" | "ring";
	/** Calls of higher priority go first among those that wait; -100 to 100. Default 0. */
	priority?: number;
	/** Milliseconds of waiting that count as much as one step of `priority`: nothing waits for ever. Default 1,000. */
	agingMs?: number;
	/** How many calls may wait for a worker. Default 1,000,000. */
	maxQueue?: number;
	/** What becomes of a call when `maxQueue` calls wait: it is rejected, or waits, too, as long as `maxQueueBytes` has room. Default `'reject'`. */
	whenFull?: "reject" | "wait";
	/** How many bytes of calls may wait for a worker: payloads, 1,000 for each call, and up to a quarter for V8's heap (docs/queues.md). Default 2 GiB. */
	maxQueueBytes?: number;
	/** Longest time a side that expects something watches for it before it sleeps, microseconds; 0 = never. Default 50. An eighth of it while as many workers are busy as there are CPUs. */
	spinUs?: number;
	/** Failed starts and deaths within `restartWindowMs` after which workers are still started again. Default 10. */
	maxRestarts?: number;
	/** Milliseconds for which a failure counts; the clock starts with it. Default 60,000. */
	restartWindowMs?: number;
	/** The longest pause before the start that follows a first failure, milliseconds; it doubles with each one. Default 100. */
	backoffMs?: number;
	/** What doubling the pause stops at, milliseconds. Default 10,000. */
	maxBackoffMs?: number;
	/** Milliseconds for which nothing is started after too many failures; then one start tries. Default 10,000. */
	halfOpenMs?: number;
	/** Calls after which a worker is replaced. Default: no limit. */
	maxCalls?: number;
	/** Milliseconds after which a worker is replaced; the clock starts when it is made. Default: no limit. */
	maxAgeMs?: number;
	/** Resident memory above which a worker is replaced, bytes; looked at while it has calls. Default: no limit. */
	maxRssBytes?: number;
	/** Milliseconds between looks at a worker that has calls. Default 1,000. */
	heartbeatMs?: number;
	/** Milliseconds after which a worker whose link does not answer is ended; 0 = never. Default 30,000. */
	heartbeatTimeoutMs?: number;
}
/** A number of workers that follows what is asked of them. */
export interface WorkerRange {
	/** Workers that are kept also while there is nothing to do, 0 to `max`. Default 1. */
	min?: number;
	/** Workers that there are at most, 1 to 1,024; `'auto'` as above. */
	max: number | "auto";
	/** Milliseconds without a call after which a worker above `min` is ended; the clock starts with its last answer. Default 30,000. */
	idleMs?: number;
}
/** Options of one call, for `with(options)`. */
export interface CallOptions {
	/** Milliseconds the call may take; the clock starts when it is made. Default: that of the command, or else of the instance. */
	timeoutMs?: number;
	/** Milliseconds it may wait; the clock starts when it is made and stops when its handler is called. Default: that of the command, or else of the instance. */
	queueMs?: number;
	/** Milliseconds its handler may run; the clock starts when that is called. Default: that of the command, or else of the instance. */
	runMs?: number;
	/** Milliseconds its handler has to stop when nobody waits for it any more, before its worker is ended. Default: that of the command, or else of the instance. */
	graceMs?: number;
	/** Calls of higher priority go first among those that wait; -100 to 100. Default: that of the command, or else of the instance. */
	priority?: number;
	/**
	 * All calls of one key run on one worker, one at a time, in the order in which they were made. Which worker that is
	 * depends on the key alone, as long as the instance has that many workers.
	 */
	key?: string;
	/** Cancels the call when it is aborted. `call()` looks at it on entry. */
	signal?: AbortSignal | undefined;
}
/** Options of `close()`. */
export interface CloseOptions {
	/** Milliseconds that calls which have begun are given to finish, before their workers are ended. Default 5,000. */
	graceMs?: number;
}
/** Options of `new PlumpQueue(options)`. */
export interface QueueOptions {
	/** Queues of one name are one bus. Default `'default'`. */
	name?: string;
	/** How many events may wait here; the oldest are dropped above it. Default 65,536. */
	capacity?: number;
	/** How events become bytes; the same on every side. Default `'structured'`. */
	codec?: CodecOption;
	/** The largest encoded event, bytes. Default 1 GiB. */
	maxPayloadBytes?: number;
	/** How deep an event may be nested. Default 1,000. */
	maxDepth?: number;
	/** Told what a listener threw. Default: a warning of the process (`PlumpListenerWarning`). */
	onError?: (error: unknown) => void;
}
/** What `workers: 'auto'` has found. */
export interface Allowance {
	/** How many workers there are. */
	readonly chosen: number;
	/** What decided; `'least'`: not even one worker fits into memory, and one is the least. */
	readonly decidedBy: "affinity" | "quota" | "memory" | "least" | "most";
	/** CPUs that this process may run on. */
	readonly byAffinity: number;
	/** CPUs whose time its container may use, rounded up; `null` without a quota. */
	readonly byQuota: number | null;
	/** Workers that fit into the memory that is left; `null` where the system does not tell. */
	readonly byMemory: number | null;
	readonly quotaCpus: number | null;
	readonly memoryLimitBytes: number | null;
	readonly memoryAvailableBytes: number | null;
	/** What one worker is taken to need. */
	readonly bytesPerWorker: number;
}
/**
 * What a process of the user's own needs to become a worker, from `createLink()`. Give all of it to exactly one process:
 *
 * ```ts
 * const link = plump.createLink()
 * const child = spawn(process.execPath, ['worker.js'], { stdio: link.stdio, env: link.env })
 * link.handed()
 * ```
 */
export interface PlumpLink {
	/** For the option `stdio` of `child_process.spawn`: the three of the host, then the link's descriptors. */
	readonly stdio: ("inherit" | number)[];
	/** The host's environment with the variables that name the link. */
	readonly env: Record<string, string>;
	/**
	 * Says that the process was started: closes the link's descriptors in this process, so that the end of the worker
	 * is noticed also when it dies before it has said hello. May be called more than once.
	 */
	handed(): void;
}
/** A decorator for methods. */
export type CommandDecorator = <Method extends Handler>(method: Method, context: ClassMethodDecoratorContext) => void;
/** What `PlumpIPC.command` takes. */
export interface CommandForms {
	/** `command(fn, options)`: registers a function under its own name and returns it. */
	<Function extends Handler>(handler: Function, options?: CommandOptions): Function;
	/** `command(name, fn, options)`: registers a function under that name and returns it. */
	<Function extends Handler>(name: string, handler: Function, options?: CommandOptions): Function;
	/** `@command()`, `@command(name, options)`: registers a method, which runs on the instance given to `setContext`. */
	(name?: string, options?: CommandOptions): CommandDecorator;
	/** `@command(options)`: the same, under the method's own name. */
	(options: CommandOptions): CommandDecorator;
	/** `@command`: the same, under the method's own name. */
	<Method extends Handler>(method: Method, context: ClassMethodDecoratorContext): void;
}
/** A function for `init` or `teardown`. What it returns is awaited. */
export type LifeFunction = () => unknown;
/**
 * Calls functions that live in other processes. In the host: `start(module)`, then `call` and `acall`. In the worker:
 * `command` and `setContext`, in addition to what its module exports.
 *
 * `Commands` is the type of the worker's module, `typeof import('./math.ts')`, or of an object or class with its
 * commands as methods; names, arguments and results of calls are inferred from it.
 */
export declare class PlumpIPC<Commands = AnyCommands> implements Calls<Commands> {
	#private;
	/**
	 * @throws PlumpError `ERR_PLUMP_INVALID_OPTION`
	 */
	constructor(options?: PlumpOptions<Commands>);
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
	start(module: URL | string, options?: PlumpOptions<Commands>): this;
	/**
	 * Resolves when the first worker is ready; with `min: 0` of a range it starts one.
	 *
	 * @throws (rejects) PlumpWorkerError `ERR_PLUMP_START_FAILED` with what the module threw as `cause`, `ERR_PLUMP_CIRCUIT_OPEN`;
	 * PlumpTimeoutError `ERR_PLUMP_START_TIMEOUT`; PlumpConnectionError `ERR_PLUMP_SPAWN_FAILED`, `ERR_PLUMP_NOT_STARTED`, `ERR_PLUMP_CLOSED`.
	 */
	ready(): Promise<void>;
	/**
	 * Calls a command in a worker and blocks this thread until it has settled. Needs no `await` anywhere before it.
	 *
	 * @returns what the handler returned, its promise awaited.
	 * @throws what the handler threw, with the worker's stack above the caller's; PlumpWorkerError when the worker ends
	 * or does not start; PlumpTimeoutError; PlumpAbortError `ERR_PLUMP_CANCELLED`; PlumpSerializationError; PlumpConnectionError `ERR_PLUMP_NOT_STARTED`,
	 * `ERR_PLUMP_CLOSED`; PlumpError `ERR_PLUMP_UNKNOWN_COMMAND`, `ERR_PLUMP_INVALID_COMMAND_NAME`, `ERR_PLUMP_QUEUE_FULL`.
	 */
	call<Name extends CommandName<Commands>>(name: Name, ...args: CommandArguments<Commands[Name]>): CommandResult<Commands[Name]>;
	/**
	 * Calls a command in a worker. The event loop stays free; the promise settles as `call` returns or throws, and
	 * `acall` itself never throws.
	 */
	acall<Name extends CommandName<Commands>>(name: Name, ...args: CommandArguments<Commands[Name]>): Promise<CommandResult<Commands[Name]>>;
	/**
	 * `call` and `acall` with options for these calls alone.
	 *
	 * @throws PlumpError `ERR_PLUMP_INVALID_OPTION`
	 */
	with(options: CallOptions): Calls<Commands>;
	/**
	 * Memory for a large argument, which workers of this instance get without a copy: fill `bytes` of the block, then pass the
	 * block itself to a call, in the place of a `Uint8Array`. See `PlumpBlock`.
	 *
	 * All blocks that are not yet passed or still with a worker take at most `maxBlockBytes` together. Where memory can't be
	 * shared (over pipes, on Windows and macOS, with `maxBlockBytes: 0`), and below 128 KiB, where it does not pay, the block
	 * is ordinary memory and is copied as a `Uint8Array` is.
	 *
	 * @param bytes from 1 to `maxBlockBytes`.
	 * @throws PlumpError `ERR_PLUMP_INVALID_ARGUMENT`, `ERR_PLUMP_BLOCK_LIMIT`; PlumpConnectionError `ERR_PLUMP_NOT_STARTED`,
	 * `ERR_PLUMP_CLOSED`.
	 */
	allocate(bytes: number): PlumpBlock;
	/**
	 * A link for a worker process that the program starts itself, in any way that can hand over descriptors; that
	 * process calls `runWorker()`. On an instance that was not started, links are its only workers.
	 *
	 * @throws PlumpError `ERR_PLUMP_TOO_MANY_WORKERS`, `ERR_PLUMP_NESTING_TOO_DEEP`; PlumpConnectionError `ERR_PLUMP_CLOSED`
	 */
	createLink(): PlumpLink;
	/**
	 * Ends the workers: new calls and those that wait are rejected with `ERR_PLUMP_CLOSED`, those that have begun get
	 * `graceMs` to finish, then their workers are ended; those whose handlers are done have `teardownMs` for their teardown
	 * functions. Resolves when all are gone; may be called again.
	 *
	 * @throws (rejects) PlumpError `ERR_PLUMP_INVALID_OPTION`
	 */
	close(options?: CloseOptions): Promise<void>;
	[Symbol.asyncDispose](): Promise<void>;
	/** The event loop goes on while calls are in flight (the default). */
	ref(): this;
	/** Calls in flight no longer keep the event loop going. */
	unref(): this;
	/**
	 * Whether so much waits that whoever makes calls should hold back: `maxQueue` or `maxQueueBytes` was reached, or has no
	 * room left for a call as large as any so far; until half of it is free.
	 */
	get needsDrain(): boolean;
	/** Resolves when `needsDrain` is false, also when the instance is closed. Never rejects. */
	drained(): Promise<void>;
	/** A look at the workers and at what waits for them. */
	stats(): PlumpStats;
	/**
	 * A codec of the program's own for this instance (in the host, before `start`), or for this process (in a worker,
	 * while its module loads). Its name must be the same on both sides.
	 *
	 * @throws PlumpError `ERR_PLUMP_INVALID_ARGUMENT`, `ERR_PLUMP_ALREADY_STARTED`
	 */
	useCodec(codec: Codec): this;
	/**
	 * Asks for the end and returns at once. In the host: of this instance, as `close()` does. In a worker whose
	 * instance was not started: of this worker, after what has begun.
	 */
	stopWorker(): void;
	/**
	 * Registers a command of this process. A function: `command(fn)`, `command(name, fn)`; it is returned, and runs with
	 * the instance given to `setContext` as `this`, if there is one. A method: `@plump.command()`, `@plump.command(name)`. Each
	 * form takes options for the calls of the command behind that, see `CommandOptions`.
	 *
	 * @throws PlumpError `ERR_PLUMP_INVALID_OPTION`, `ERR_PLUMP_DUPLICATE_COMMAND`, `ERR_PLUMP_INVALID_COMMAND_NAME`, `ERR_PLUMP_INVALID_ARGUMENT`
	 */
	get command(): CommandForms;
	/**
	 * The instance on which this process's commands run.
	 *
	 * @throws PlumpError `ERR_PLUMP_INVALID_ARGUMENT`
	 */
	setContext(instance: object): this;
	/**
	 * A function for this process to run before it takes its first call: when the module has loaded, after those registered
	 * before, each awaited. `startTimeoutMs` bounds all of them. What one throws makes the start fail, as if the module had
	 * thrown it. In a host nothing runs it.
	 *
	 * @throws PlumpError `ERR_PLUMP_INVALID_ARGUMENT`, also when this worker serves already.
	 */
	init(initialise: LifeFunction): this;
	/**
	 * A function for this process to run when it ends in order (`close()`, `stopWorker()`, recycling, idleness): after its last
	 * answer, before those registered earlier, each awaited. `teardownMs` bounds all of them. What one throws becomes a
	 * warning of the process (`PlumpTeardownWarning`). Not run when the worker is ended by force or with its host, or when its
	 * start has failed. In a host nothing runs it.
	 *
	 * @throws PlumpError `ERR_PLUMP_INVALID_ARGUMENT`
	 */
	teardown(tearDown: LifeFunction): this;
	/**
	 * Begins to serve calls, in a process that was started with the entries of `createLink()`. A module that was started
	 * by `start` or `spawn` is served anyway; there it does nothing. With functions given to `init` it returns before they
	 * have run; what one throws is then an unhandled rejection.
	 *
	 * @throws PlumpConnectionError `ERR_PLUMP_NOT_A_WORKER`, `ERR_PLUMP_INVALID_LINK`, `ERR_PLUMP_VERSION_MISMATCH`
	 */
	runWorker(): void;
}
/** What `stats()` tells. */
export interface PlumpStats {
	/** The instance's `name`. */
	readonly name: string;
	readonly state: "not started" | "open" | "closing" | "cancelling" | "terminating" | "closed";
	readonly workers: readonly WorkerStats[];
	/** Calls that have no outcome yet: those that wait and those with workers. */
	readonly inFlight: number;
	/** Calls that wait for a worker, and their bytes as `maxQueueBytes` counts them. */
	readonly queued: number;
	readonly queuedBytes: number;
	/** Whether whoever makes calls should hold back; see `drained()`. */
	readonly needsDrain: boolean;
	/** Workers that were started in place of others. */
	readonly restarts: number;
	/** How often calls of idempotent commands were run again because their workers had ended. */
	readonly retries: number;
	/** Whether workers are started as they are needed: not while too many fail (`maxRestarts`). */
	readonly circuit: "closed" | "open" | "halfOpen";
	/** What `workers: 'auto'` has found; absent with a number. */
	readonly auto?: Allowance;
	/** How often watching for an answer paid, and how often it ended in sleep. */
	readonly spinHits: number;
	readonly spinMisses: number;
	/** Whether as many workers of this thread are busy as there are CPUs: then nobody watches for longer than an eighth of `spinUs`. */
	readonly crowded: boolean;
	/** Names of the commands that the workers have announced. */
	readonly commands: readonly string[];
	/**
	 * How long the calls of each command waited and ran, by its name; commands that were not called are absent. Of short calls
	 * (below 10 µs) one in eight is timed and stands for those before it.
	 */
	readonly times: Readonly<Record<string, CallTimes>>;
	/** The same for all commands beyond the first 1,024 together; `null` where there are none. */
	readonly otherTimes: CallTimes | null;
}
/** How long calls waited and ran. */
export interface CallTimes {
	/** From when the call was made until its handler was called. */
	readonly wait: TimeStats;
	/** From when its handler was called until it had the outcome. */
	readonly run: TimeStats;
}
/**
 * A distribution of times, microseconds. A percentile is at most a hundredth above the time that was measured; `count`,
 * `meanUs` and `maxUs` are exact.
 */
export interface TimeStats {
	readonly count: number;
	readonly meanUs: number;
	readonly p50Us: number;
	readonly p75Us: number;
	readonly p90Us: number;
	readonly p99Us: number;
	readonly p999Us: number;
	readonly maxUs: number;
}
export interface WorkerStats {
	/** `null` until its process is there; of a process of your own, until it has said hello. */
	readonly pid: number | null;
	/** Where it is in its life; docs/workers.md has the table of transitions. */
	readonly state: "starting" | "ready" | "draining" | "ending" | "terminating" | "killing";
	/** What carries its calls. */
	readonly channel: "pipe" | "ring";
	readonly uptimeMs: number;
	/** Workers that had its place before it. */
	readonly restarts: number;
	/** Calls that it has now. */
	readonly inFlight: number;
	/** Calls that it has answered. */
	readonly calls: number;
	/** How many calls may wait in it ahead of those that run. */
	readonly prefetch: number;
	/** Its resident memory, bytes; `null` where that can't be told. */
	readonly rssBytes: number | null;
	/** CPU time that it has used, milliseconds; `null` where that can't be told. */
	readonly cpuMs: number | null;
}
/**
 * Starts workers with that module: `new PlumpIPC(options).start(module)`. Returns at once; calls wait until the first
 * worker is ready.
 *
 * ```ts
 * const math = spawn<typeof import('./math.js')>(new URL('./math.js', import.meta.url))
 * math.call('add', 1, 2)
 * ```
 *
 * @throws what `PlumpIPC.start` throws.
 */
export declare function spawn<Commands = AnyCommands>(module: URL | string, options?: PlumpOptions<Commands>): PlumpIPC<Commands>;
/** Whether this process was started as a worker (by `start`, `spawn`, or with the entries of `createLink()`). */
export declare const isWorker: boolean;
/** What `setupAsyncListener` returns. */
export interface PlumpListener {
	/** Ends the listening; what is already on its way to the callback is dropped. */
	close(): void;
	/** The event loop goes on while this listener could be called (the default). */
	ref(): this;
	/** This listener no longer keeps the event loop going. */
	unref(): this;
	[Symbol.dispose](): void;
}
/** What `stats()` tells, in events since the queue was made. */
export interface QueueStats {
	/** Sent from here. */
	readonly published: number;
	/** Arrived here. */
	readonly received: number;
	/** Of those, how many were dropped because nobody took them in time. */
	readonly dropped: number;
	/** Events of any queue that this process dropped on their way to another one that took them in too slowly. */
	readonly undelivered: number;
}
/** A callback of a listener: gets the event, then the arguments given where it was set up. */
export type EventCallback<Arguments extends readonly unknown[]> = (event: never, ...args: Arguments) => unknown;
/**
 * The bus: what one process of a family broadcasts, every other one hears. A family is a host's instances and all
 * their workers; queues of one name in different processes are one bus.
 *
 * A queue collects from the moment it is made, up to `capacity`, then drops the oldest; events go to the listeners if
 * there are any, to `get` and `poll` otherwise. Events of one publisher arrive in their order.
 */
export declare class PlumpQueue {
	#private;
	readonly name: string;
	/**
	 * @throws PlumpError `ERR_PLUMP_INVALID_OPTION`, `ERR_PLUMP_BINDING_MISSING`
	 */
	constructor(options?: QueueOptions);
	/**
	 * Sends a value to every other process of the family. Does not wait; where nobody listens it is dropped.
	 *
	 * @throws PlumpSerializationError when the value can't be sent; PlumpConnectionError `ERR_PLUMP_BUS_CLOSED`
	 */
	broadcast(value: unknown): void;
	/**
	 * Calls `callback(event, ...args)` for each event, from the event loop, which goes on while a live process could
	 * broadcast (see `ref` and `unref`). What has been collected comes first. Callbacks start in the order of the events;
	 * the promise of an async one is not waited for before the next event. An error in one is reported (option
	 * `onError`) and does not stop the next.
	 *
	 * @throws PlumpError `ERR_PLUMP_INVALID_ARGUMENT`; PlumpConnectionError `ERR_PLUMP_BUS_CLOSED`
	 */
	setupAsyncListener<Arguments extends readonly unknown[]>(callback: EventCallback<Arguments>, ...args: Arguments): PlumpListener;
	/**
	 * Calls `callback(event, ...args)` for each event and blocks this thread; for a thread of its own. Returns when the
	 * callback returns `false` or the queue is closed. An error in the callback is reported and does not stop the next.
	 *
	 * @throws PlumpError `ERR_PLUMP_INVALID_ARGUMENT`
	 */
	setupListener<Arguments extends readonly unknown[]>(callback: EventCallback<Arguments>, ...args: Arguments): void;
	/**
	 * Blocks this thread until an event is there, and returns it.
	 *
	 * @param timeoutMs how long to wait, milliseconds from 0; default: for ever.
	 * @throws PlumpTimeoutError `ERR_PLUMP_BUS_TIMEOUT`; PlumpConnectionError `ERR_PLUMP_BUS_CLOSED`; PlumpError
	 * `ERR_PLUMP_INVALID_ARGUMENT` while the queue has listeners, which get its events.
	 */
	get(timeoutMs?: number): unknown;
	/**
	 * Whether an event is there for `get`; waits for one.
	 *
	 * @param timeoutMs how long to wait, blocking, milliseconds; default 0.
	 * @throws as `get`, but for the timeout.
	 */
	poll(timeoutMs?: number): boolean;
	/**
	 * Names the link to whose process this queue broadcasts. Every process that has a link of this host is of the family
	 * and hears everything anyway: this begins to collect, checks the link, and is there for programs that were
	 * written for a bus of one pipe.
	 *
	 * @throws PlumpError `ERR_PLUMP_INVALID_ARGUMENT`
	 */
	setProducer(link: PlumpLink): this;
	/**
	 * Names the link from whose process this queue hears; see `setProducer`.
	 *
	 * @throws PlumpError `ERR_PLUMP_INVALID_ARGUMENT`
	 */
	setConsumer(link: PlumpLink): this;
	/** Ends the queue and its listeners in this process; the other processes' go on. May be called again. */
	close(): void;
	[Symbol.dispose](): void;
	/** What has passed through this queue in this process. */
	stats(): QueueStats;
}
/** The bus named `'default'`: in a worker it collects from its start, in a host from the first start or first use. */
export declare const plumpBus: PlumpQueue;
/** The call that a handler runs for. */
export interface CallContext {
	/**
	 * Aborted when nobody waits for the call any more: its caller's signal was aborted, or its time is over. Handlers that
	 * give the event loop a turn now and then see it.
	 */
	readonly signal: AbortSignal;
	/** The same, for handlers that never yield: it changes in the middle of a loop. */
	readonly aborted: boolean;
	/** Id of the call; `causedBy` of `ERR_PLUMP_WORKER_ENDED` names it. */
	readonly callId: string;
	/** Name of the command. */
	readonly command: string;
	/** When the call times out, milliseconds of `Date.now()`; `undefined`: never. */
	readonly deadline: number | undefined;
	/** The worker: its process id, as in `stats().workers`. */
	readonly workerId: number;
}
/**
 * The call for which the handler runs that reads this. In `async` functions it is there after each `await`, in other
 * handlers until they return.
 *
 * @throws PlumpError `ERR_PLUMP_NO_CALL` outside of handlers, by each of its properties
 */
export declare const context: CallContext;
/** Message of `plump-ipc:call:start`: a call was made. */
export interface CallStartMessage {
	/** Name of the instance. */
	readonly pool: string;
	readonly command: string;
}
/** Message of `plump-ipc:call:settle`: it has its outcome. */
export interface CallSettleMessage extends CallStartMessage {
	/** Milliseconds since it was made. */
	readonly durationMs: number;
	/** What it failed with; absent when it did not. */
	readonly error?: unknown;
}
/** Message of `plump-ipc:call:reject`: it was refused without having been tried, because too much waits or too many workers fail. */
export interface CallRejectMessage extends CallStartMessage {
	readonly error: PlumpError;
}
/** Message of `plump-ipc:worker:spawn`: the process of a worker was made. */
export interface WorkerMessage {
	readonly pool: string;
	readonly pid: number;
}
/** Message of `plump-ipc:worker:exit`. */
export interface WorkerExitMessage {
	readonly pool: string;
	/** Absent where no process was made: it could not be, or its instance was closed before. */
	readonly pid?: number;
	readonly exitCode?: number;
	/** Name of the signal that ended it. */
	readonly signal?: string;
	/** It was asked to. */
	readonly expected: boolean;
}
/** Message of `plump-ipc:worker:retire`: it finishes what it has begun and gets no more. */
export interface WorkerRetireMessage extends WorkerMessage {
	readonly reason: "age" | "memory" | "calls" | "idle" | "cancelled";
}
/** Message of `plump-ipc:worker:restart`: workers are started in place of others. */
export interface WorkerRestartMessage {
	readonly pool: string;
	readonly workers: number;
}
/** A ready-made instance: in a worker for registering commands, in a host for one module. */
export declare const plump: PlumpIPC;

export {};
