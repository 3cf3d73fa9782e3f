export const clientTypesPath: string;
export const clientTypes: (document: unknown) => string;
