/** What the guides use of the library and of Express, written down from their documentation. */
declare module '@kitiumai/auth' {
  interface AuthConfig {
    appName: string;
    appUrl: string;
    apiUrl: string;
    jwtSecret: string;
    providers: { id: string; name: string; type: 'oauth' | 'email' | 'saml'; enabled: boolean }[];
    storage: StorageConfig;
  }
  interface StorageConfig {
    type: 'memory' | 'postgres' | 'mongodb' | 'custom';
    connectionString?: string;
    options?: Record<string, unknown>;
  }
  interface CoreUser {
    id: string;
    email: string;
    passwordHash?: string;
    createdAt: Date;
    updatedAt: Date;
    metadata?: Record<string, unknown>;
  }
  export class AuthCore {
    constructor(config: AuthConfig);
    createUser(email: string, password: string): Promise<CoreUser>;
  }
  export function createStorageConfig(config: StorageConfig): StorageConfig;

  class TwoFactorAuthService {
    constructor(
      storage: import('./storage-adapter.js').StorageAdapter,
      config: { enabled: boolean; methods: ('totp' | 'sms' | 'backup-code')[] },
    );
    enrollTOTPDevice(userId: string, name?: string): Promise<{ id: string; qrCode: string }>;
  }
  export function getTwoFactorAuthService(): Promise<typeof TwoFactorAuthService>;

  export class KitiumError extends Error {}
  export function toKitiumError(error: unknown): KitiumError;
  export function getErrorHandler(): Promise<
    (
      error: unknown,
      request: import('express').Request,
      response: import('express').Response,
      next: import('express').NextFunction,
    ) => void
  >;
}

declare module 'express' {
  export interface Request {
    path: string;
  }
  export interface Response {
    status(code: number): Response;
  }
  export type NextFunction = (error?: unknown) => void;
}
