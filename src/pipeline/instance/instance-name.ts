interface Called {
  image: string;
  stack?: { name: string; service: string };
}

/** How an instance is shown: by its service, or by its image. */
export function nameOfInstance({ image, stack }: Called): string {
  return stack ? `${stack.name}.stack/${stack.service}` : image;
}
