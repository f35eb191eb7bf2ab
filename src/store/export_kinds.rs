//! What `exportUser` holds of each kind: everything that is stored about a person, but nothing that opens a session, proves
//! who somebody is, or unlocks anything else. A test compares this with the columns of all tables.

use super::email_tokens::EmailTokenType;
use super::json::JsonOf;
use super::organizations::OrganizationRole;
use super::record;
use super::sso_links::LinkType;
use crate::clock::Timestamp;
use crate::input::JsonObject;

record! {
    /// A session in an export. Its id is left out, because it opens the session.
    ExportedSession {
        entitlements "entitlements": Vec<String>,
        expires_at "expiresAt": Timestamp,
        metadata "metadata": JsonObject,
        created_at "createdAt": Timestamp,
        updated_at "updatedAt": Timestamp,
    } optional {
        org_id "orgId": String,
        plan "plan": String,
    }
}

record! {
    /// An API key in an export, without its hash.
    ExportedApiKey {
        id "id": String,
        prefix "prefix": String,
        last_four "lastFour": String,
        scopes "scopes": Vec<String>,
        metadata "metadata": JsonObject,
        created_at "createdAt": Timestamp,
        updated_at "updatedAt": Timestamp,
    } optional {
        expires_at "expiresAt": Timestamp,
    }
}

record! {
    /// A membership in an organization.
    ExportedMembership {
        org_id "orgId": String,
        /// The name of the organization.
        name "name": String,
        role "role": OrganizationRole,
    } optional {
        joined_at "joinedAt": JsonOf<Timestamp>,
    }
}

record! {
    /// A role that the user has in an organization.
    ExportedRole {
        role_id "roleId": String,
        org_id "orgId": String,
        /// The name of the role.
        name "name": String,
        assigned_at "assignedAt": Timestamp,
    }
}

record! {
    /// An e-mail token in an export, without its id and its code. Tokens of the user's e-mail that name no user are among
    /// them.
    ExportedEmailToken {
        email "email": String,
        r#type "type": EmailTokenType,
        metadata "metadata": JsonObject,
        /// How often the token has been tried.
        attempts "attempts": i32,
        expires_at "expiresAt": Timestamp,
        created_at "createdAt": Timestamp,
    } optional {
        used_at "usedAt": Timestamp,
    }
}

record! {
    /// An SSO session in an export, without its id and its token.
    ExportedSSOSession "ExportedSSOSession" {
        provider_id "providerId": String,
        provider_type "providerType": LinkType,
        provider_subject "providerSubject": String,
        expires_at "expiresAt": Timestamp,
        linked_at "linkedAt": Timestamp,
        last_auth_at "lastAuthAt": Timestamp,
    }
}

record! {
    /// A two-factor device in an export, without its secret, its metadata and its further fields: `@kitiumai/auth` keeps codes
    /// there.
    ExportedTwoFactorDevice {
        id "id": String,
        /// `'totp'`, `'sms'` or `'backup-code'`.
        method "method": String,
        verified "verified": bool,
        created_at "createdAt": Timestamp,
        updated_at "updatedAt": Timestamp,
    } optional {
        name "name": String,
        phone_number "phoneNumber": String,
        last_used_at "lastUsedAt": Timestamp,
    }
}

record! {
    /// A backup code in an export, without the code.
    ExportedBackupCode {
        id "id": String,
        used "used": bool,
        created_at "createdAt": Timestamp,
    } optional {
        used_at "usedAt": Timestamp,
    }
}

record! {
    /// A login that waits or waited for its second factor, without its ids and its code.
    ExportedTwoFactorSession {
        device_id "deviceId": String,
        /// `'totp'`, `'sms'` or `'backup-code'`.
        method "method": String,
        attempt_count "attemptCount": i32,
        max_attempts "maxAttempts": i32,
        expires_at "expiresAt": Timestamp,
        created_at "createdAt": Timestamp,
    } optional {
        completed_at "completedAt": Timestamp,
    }
}

record! {
    /// An audit event about the user.
    ExportedEvent {
        id "id": String,
        r#type "type": String,
        data "data": JsonObject,
        timestamp "timestamp": Timestamp,
    } optional {
        org_id "orgId": String,
    }
}
