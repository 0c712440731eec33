/** Reads a write-ahead log without SQLite. */

import { readFileSync } from 'node:fs'

// https://www.sqlite.org/fileformat2.html#walformat
const headerBytes = 32
const frameHeaderBytes = 24

/**
 * @param databasePath the file that the log belongs to
 * @returns how many transactions are in the log, and where each of them ends, in bytes
 */
export function transactionsInWal(databasePath: string): readonly number[] {
  const wal = readFileSync(`${databasePath}-wal`)
  const ends: number[] = []
  if (wal.length < headerBytes) return ends
  const frameBytes = frameHeaderBytes + wal.readUInt32BE(8)
  const salt = wal.readBigUInt64BE(16)
  for (let at = headerBytes; at + frameBytes <= wal.length; at += frameBytes) {
    // Frames of an earlier pass over the file have another salt.
    if (wal.readBigUInt64BE(at + 8) !== salt) break
    const isLastOfTransaction = wal.readUInt32BE(at + 4) !== 0
    if (isLastOfTransaction) ends.push(at + frameBytes)
  }
  return ends
}
