"use strict";
// Flags that a worker must not have in common with its host: two processes can't listen on one inspector port, and a
// program given on the command line is the host's, not the worker's.
Object.defineProperty(exports, "__esModule", { value: true });
exports.inheritedExecArgv = inheritedExecArgv;
exports.inheritedNodeOptions = inheritedNodeOptions;
/** Flags with their value behind `=` or, where it says so, in the next argument. */
const NOT_INHERITED = [
    { flag: /^--inspect(-brk|-wait|-port|-publish-uid)?(=|$)/, valueFollows: false },
    { flag: /^--debug-port(=|$)/, valueFollows: false },
    { flag: /^(-e|--eval|-p|--print|-pe)$/, valueFollows: true },
    { flag: /^(--eval|--print)=/, valueFollows: false },
    {
        flag: /^(-i|--interactive|-c|--check|--watch|--watch-preserve-output|--test)$/,
        valueFollows: false,
    },
    { flag: /^--(watch-path|input-type|test-\w[\w-]*)=/, valueFollows: false },
    { flag: /^--(watch-path|input-type)$/, valueFollows: true },
];
/** The host's `execArgv` as workers inherit it. */
function inheritedExecArgv(execArgv) {
    const inherited = [];
    for (let i = 0; i < execArgv.length; i++) {
        const argument = execArgv[i];
        const rule = NOT_INHERITED.find(({ flag }) => flag.test(argument));
        if (rule === undefined)
            inherited.push(argument);
        else if (rule.valueFollows)
            i++;
    }
    return inherited;
}
/** NODE_OPTIONS as workers inherit it; undefined when nothing is left. */
function inheritedNodeOptions(options) {
    if (!options.includes('--inspect'))
        return options;
    const kept = options.split(/\s+/).filter((option) => inheritedExecArgv([option]).length === 1);
    return kept.length === 0 ? undefined : kept.join(' ');
}
//# sourceMappingURL=exec-argv.js.map