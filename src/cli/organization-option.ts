/** How every command is told which organization is meant. */
export const organizationOption = ['--org <id>', 'organization; for operators, when there are several'] as const;
