"use strict";
// The types that flow from a worker's module to `call` and `acall`. No `any`: `never[]` is what every function's
// parameters accept.
Object.defineProperty(exports, "__esModule", { value: true });
//# sourceMappingURL=commands.js.map