// The measurements as Markdown, with our ratios to the fastest peer.

const number = (value, digits = 0) => (value == null ? '' : value.toFixed(digits));
const megabytes = (bytes, digits = 0) => number(bytes == null ? null : bytes / 1e6, digits);

/** The fastest peer in the same place with as many threads; eight bits compete with everything. */
function rival(row, rows) {
  const peers = rows.filter(({ ours, place, threads, dtype, median_ms }) => {
    const fair = row.dtype !== 'f32' || dtype === 'f32';
    return !ours && median_ms !== null && place === row.place && threads === row.threads && fair;
  });
  return peers.sort((a, b) => a.median_ms - b.median_ms)[0];
}

function ratio(row, rows) {
  const best = rival(row, rows);
  if (!row.ours || row.median_ms === null || row.frames_per_second || !best) return '';
  return `${(best.median_ms / row.median_ms).toFixed(2)}× ${best.name}`;
}

/** GFLOP of one picture through the full network. */
const GFLOP = 16.715;

export function table({ date, machine, runs, rounds, roofline }, rows) {
  const header = [
    'row',
    'runtime',
    'median ms',
    'min',
    'first',
    'GFLOP/s',
    'speed',
    'to first label',
  ].concat(['compile', 'wasm MB', 'brotli', 'heap MB', 'off by']);
  const cells = rows.map((row) => {
    if (row.median_ms === null) return [row.name, row.runtime, `absent: ${row.absent}`];
    return [
      row.name,
      row.runtime,
      number(row.median_ms, 1),
      number(row.min_ms, 1),
      number(row.first_ms, 1),
      row.frames_per_second ? '' : number((1e3 * GFLOP) / row.median_ms, 1),
      ratio(row, rows),
      number(row.to_first_label_ms),
      number(row.compile_ms),
      megabytes(row.wasm_bytes, 1),
      megabytes(row.wasm_brotli_bytes, 2),
      megabytes(row.heap_bytes),
      row.difference?.toExponential(0) ?? '',
    ];
  });
  const lines = [header, header.map(() => '---'), ...cells].map((row) => `| ${row.join(' | ')} |`);
  const bundled = rows.find(({ frames_per_second }) => frames_per_second);
  if (bundled) {
    const percent = (share) => `${(100 * share).toFixed(1)} %`;
    lines.push(
      '',
      `bundled: ${number(bundled.frames_per_second, 1)} frames/s, frame in, labels out; of the time ` +
        `${percent(bundled.preprocess_share)} is preprocessing and ${percent(bundled.read_share)} reading the frame's pixels`,
    );
  }
  const ceiling = (kind, name) =>
    kind in roofline
      ? [
          `${name} ${number(roofline[kind], 1)} GFLOP/s, ${number((1e3 * GFLOP) / roofline[kind])} ms`,
        ]
      : [];
  const ceilings = [...ceiling('muladd', 'mul + add'), ...ceiling('madd', 'relaxed madd')].join(
    '; ',
  );
  return [
    `${date}, ${machine.processor}, ${machine.cores} cores, ${machine.browser}; ${rounds} rounds of ${runs} pictures`,
    `ceilings of one thread: ${ceilings}`,
    '',
    ...lines,
  ].join('\n');
}
