/** Whether this process is in a container of confined.ts itself, in which there can be no other. */
let isInside = false;

export const isConfined = (): boolean => isInside;

export function markConfined(): void {
  isInside = true;
}
