import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { BootFiles } from './initramfs.js';

const MEMORY_MIB = 1536;
const PROCESSORS = 2;

export interface MachineOptions {
  readonly boot: BootFiles;
  readonly initramfs: string;
  /** What kernel and init say: the first serial port. */
  readonly consolePath: string;
  /** More devices. */
  readonly args: readonly string[];
  readonly timeMsMax: number;
  /** A line of the second serial port, which only the scenarios write to. */
  onLine(line: string): void;
}

/** How it ended: by itself (the guest powers off), or why not. */
export interface MachineEnd {
  readonly fault: string | null;
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** For a runner that is itself told to end. */
export function killMachines(): void {
  for (const child of running) child.kill('SIGKILL');
}

/**
 * Boots the guest without KVM and waits until it is gone. Its network is the one inside QEMU: it reaches what listens on the host's
 * loopback as 10.0.2.2, and nothing reaches the guest.
 */
export async function runMachine(options: MachineOptions): Promise<MachineEnd> {
  const args = [
    ['-accel', 'tcg,thread=multi', '-cpu', 'Nehalem', '-smp', `${PROCESSORS}`, '-m', `${MEMORY_MIB}`],
    ['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-monitor', 'none'],
    ['-kernel', options.boot.kernel, '-initrd', options.initramfs],
    ['-append', 'console=ttyS0 quiet panic=-1 tsc=nowatchdog random.trust_cpu=on iscsi_tcp.debug_iscsi_tcp=0'],
    ['-serial', `file:${options.consolePath}`, '-serial', 'stdio'],
    ['-netdev', 'user,id=net', '-device', 'virtio-net-pci,netdev=net,romfile='],
    ['-object', 'rng-random,id=rng,filename=/dev/urandom', '-device', 'virtio-rng-pci,rng=rng'],
    options.args,
  ].flat();
  const child = spawn('qemu-system-x86_64', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  let stderr = '';
  let fault: string | null = null;
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-8192);
    appendFileSync(options.consolePath, text);
  });
  createInterface({ input: child.stdout }).on('line', (line) => options.onLine(line.replaceAll('\r', '')));
  const timer = setTimeout(() => {
    fault = `killed after ${options.timeMsMax / 1000} s`;
    child.kill('SIGKILL');
  }, options.timeMsMax);
  return new Promise((resolve) => {
    const settle = (message: string | null) => {
      clearTimeout(timer);
      running.delete(child);
      resolve({ fault: message });
    };
    child.once('error', (error) => settle(`qemu-system-x86_64 does not start: ${error.message}`));
    child.once('close', (exitCode, signal) => {
      if (exitCode === 0) settle(fault);
      else settle(fault ?? `qemu-system-x86_64 ended with ${signal ?? `exit code ${exitCode}`}: ${stderr.trim()}`);
    });
  });
}
