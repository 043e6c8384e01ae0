"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.makeLink = makeLink;
exports.isOwnLink = isOwnLink;
const own = new WeakSet();
function makeLink(native, depth, handed) {
    let open = true;
    const link = {
        stdio: ['inherit', 'inherit', 'inherit', ...native.descriptors],
        env: { ...hostEnvironment(), ...depth, PLUMP_IPC_LINK: native.value },
        handed() {
            if (open)
                handed();
            open = false;
        },
    };
    own.add(link);
    return link;
}
/** Whether it was made by `createLink()` in this environment. */
function isOwnLink(value) {
    return typeof value === 'object' && value !== null && own.has(value);
}
function hostEnvironment() {
    return Object.fromEntries(Object.entries(process.env).filter((pair) => pair[1] !== undefined));
}
//# sourceMappingURL=link.js.map