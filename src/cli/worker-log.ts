/** The log of a worker: text for a terminal, or one JSON value a line. */
import { hostname } from 'node:os';
import { printable, printableJson } from '../lib/host/printable.ts';
import type { Log } from '../queue/log.ts';

const host = hostname();

export function jsonLog(stream: NodeJS.WritableStream): Log {
  return (level, message, subject = {}) => {
    const line = { time: new Date().toISOString(), level, host, pid: process.pid, ...subject, message };
    stream.write(`${printableJson(JSON.stringify(line))}\n`);
  };
}

export function textLog(stream: NodeJS.WritableStream): Log {
  return (level, message, { job, release } = {}) => {
    const about = job ?? release;
    const word = level === 'info' ? '' : `${level === 'warn' ? 'warning' : level}: `;
    stream.write(`${printable(`${about === undefined ? '' : `${about}: `}${word}${message}`)}\n`);
  };
}
