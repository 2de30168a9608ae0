interface Called {
  name?: string;
  image: string;
  stack?: { name: string; service: string };
}

/** How an instance is shown: by its service, its own name, or its image. */
export function nameOfInstance({ name, image, stack }: Called): string {
  return stack ? `${stack.name}.stack/${stack.service}` : (name ?? image);
}
