// The last hour of the service, as rows and as lines of a plot.

/** @param {any[]} rows of /system/history @returns {number[]} milliseconds */
export function timesOf(rows) {
  return rows.map((row) => Date.parse(row.at));
}

/** One number of every row. @param {any[]} rows @param {string} name */
export function lineOf(rows, name, factor = 1) {
  return rows.map((row) => (row[name] === undefined || row[name] === null ? null : row[name] * factor));
}

/** Bytes of each storage. @param {any[]} rows @returns {{name: string, values: (number | null)[]}[]} */
export function storageLines(rows) {
  const names = new Set(rows.flatMap((row) => Object.keys(row.storages ?? {})));
  return [...names].map((name) => ({ name, values: rows.map((row) => row.storages?.[name] ?? null) }));
}
