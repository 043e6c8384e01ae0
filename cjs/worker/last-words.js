"use strict";
// Why this worker ends, told to the host just before: the calls that it had begun are rejected with that as cause.
Object.defineProperty(exports, "__esModule", { value: true });
exports.installLastWords = installLastWords;
/**
 * Tells `say` once, when the process is about to end by an uncaught error or by `process.exit()`. `isOver` says that
 * the end was agreed with the host.
 */
function installLastWords(say, state) {
    let uncaught;
    process.on('uncaughtExceptionMonitor', (error) => {
        // A program that has a handler of its own goes on living.
        if (process.listenerCount('uncaughtException') === 0)
            uncaught = { error };
    });
    process.on('exit', (exitCode) => {
        const now = state();
        if (now === 'over')
            return;
        say(uncaught === undefined ? exitReason(exitCode, now) : uncaught.error);
    });
}
/** An error whose stack leads to the call of `process.exit`. */
function exitReason(exitCode, state) {
    const error = new Error(`The worker called process.exit(${exitCode}).`);
    // An event loop that has run dry ends the process without a frame of the program's.
    const calledFrom = (error.stack ?? '').split('\n').filter((line) => /^ +at /.test(line));
    const exit = calledFrom.findIndex((line) => /at process\.(really)?exit /i.test(line));
    if (exit >= 0) {
        error.stack = [`${error.name}: ${error.message}`, ...calledFrom.slice(exit + 1)].join('\n');
    }
    else {
        error.message =
            state === 'loading'
                ? "The worker's module never finished loading: nothing is left that its top-level await could wait for."
                : `The worker's event loop ended with exit code ${exitCode}.`;
        error.stack = `${error.name}: ${error.message}`;
    }
    return error;
}
//# sourceMappingURL=last-words.js.map