/**
 * What the running kernel tells about itself in /proc: its configuration and its symbols.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { ELF } from "../lib/object/elf.ts";
import type { Program } from "../lib/object/program.ts";

/**
 * Reads the values of the kernel's configuration.
 *
 * @returns The values by name, as libbpf gives them to programs.
 */
export async function kernelConfiguration(): Promise<Record<string, bigint | string>> {
  const [major, minor, patch] = Deno.readTextFileSync("/proc/sys/kernel/osrelease").split(/\D/);
  const version = BigInt(major) << 16n | BigInt(minor) << 8n | BigInt(Math.min(Number(patch), 255));
  const file = new Blob([Deno.readFileSync("/proc/config.gz")]);
  const text = await new Response(file.stream().pipeThrough(new DecompressionStream("gzip")))
    .text();
  const values: Record<string, bigint | string> = {
    LINUX_KERNEL_VERSION: version,
    // libbpf finds the wrapper of a system call by a probe of it.
    LINUX_HAS_SYSCALL_WRAPPER: existsSync("/sys/bus/event_source/devices/kprobe") ? 1n : 0n,
  };
  for (const [, name, value] of text.matchAll(/^(CONFIG_\w+)=(.*)$/gm)) {
    values[name] = /^-?\d+$|^0x/.test(value) ? BigInt(value) : value.replace(/^"|"$/g, "");
  }
  return values;
}

/** Addresses of the kernel's symbols. */
const KERNEL_SYMBOLS: ReadonlyMap<string, bigint> = new Map(
  Deno.readTextFileSync("/proc/kallsyms").split("\n").map((line) => {
    const [address, , name] = line.split(/\s+/);
    return [name ?? "", BigInt(`0x${address || "0"}`)];
  }),
);

/**
 * Finds the externs of a program in the kernel.
 *
 * @param program The program.
 * @returns Addresses by name; 0 for those that the kernel does not have.
 */
export function symbolsOf({ elf }: Program): Record<string, bigint> {
  const externs = (elf?.symbols ?? []).filter(({ section, name }) =>
    section === ELF.SHN_UNDEF && name !== ""
  );
  return Object.fromEntries(externs.map(({ name }) => [name, KERNEL_SYMBOLS.get(name) ?? 0n]));
}
