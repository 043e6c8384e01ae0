"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.nearest = nearest;
exports.didYouMean = didYouMean;
/**
 * The candidate that is most like `name`, or undefined when none is like it: at most a third of its letters (but at
 * least one) may have to be added, removed, replaced or swapped with a neighbour; case does not count.
 */
function nearest(name, candidates) {
    const wanted = name.slice(0, LONGEST).toLowerCase();
    let best;
    let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
    for (const candidate of candidates) {
        if (Math.abs(candidate.length - wanted.length) >= bestDistance)
            continue;
        const distance = editDistance(wanted, candidate.toLowerCase());
        if (distance < bestDistance) {
            best = candidate;
            bestDistance = distance;
        }
    }
    return best;
}
/** A sentence to put behind a refusal, with a space before it, or nothing. */
function didYouMean(name, candidates) {
    const candidate = nearest(name, candidates);
    return candidate === undefined ? '' : ` Did you mean '${candidate}'?`;
}
// The work grows with the product of the lengths, and names may have a kilobyte.
const LONGEST = 64;
/** Optimal string alignment: like Levenshtein's, with swapped neighbours as one step. */
function editDistance(a, b) {
    let beforeLast = [];
    let last = Array.from({ length: b.length + 1 }, (_, index) => index);
    for (let i = 1; i <= a.length; i++) {
        const row = [i];
        for (let j = 1; j <= b.length; j++) {
            const same = a[i - 1] === b[j - 1];
            let steps = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1));
            if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
                steps = Math.min(steps, beforeLast[j - 2] + 1);
            row.push(steps);
        }
        beforeLast = last;
        last = row;
    }
    return last[b.length];
}
//# sourceMappingURL=did-you-mean.js.map