// Whether two runtimes computed the same network.

/** Of log-probabilities, so that a constant between two runtimes' logits does not matter. */
export function compare(found, expected) {
  const [a, b] = [logSoftmax(found), logSoftmax(expected)];
  let worst = 0;
  for (let i = 0; i < b.length; i++) {
    const difference = Math.abs(a[i] - b[i]);
    if (!(difference <= worst)) worst = difference; // NaN too
  }
  const best = (values) => values.indexOf(Math.max(...values));
  return { difference: worst, top1: best(a) === best(b) };
}

function logSoftmax(logits) {
  const highest = Math.max(...logits);
  const sum = logits.reduce((sum, logit) => sum + Math.exp(logit - highest), 0);
  return Float64Array.from(logits, (logit) => logit - highest - Math.log(sum));
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
