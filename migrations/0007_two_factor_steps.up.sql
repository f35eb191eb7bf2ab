-- The latest time step (RFC 6238) that was used at each device. It has a table of its own, so that using a step changes
-- neither the device's updated_at nor its row: whoever edits a device neither waits for a login nor comes into conflict
-- with one.
CREATE TABLE twofa_steps (
    device_id TEXT COLLATE "C" NOT NULL,
    step      BIGINT NOT NULL,
    CONSTRAINT twofa_steps_pkey PRIMARY KEY (device_id),
    CONSTRAINT twofa_steps_device_id_fkey FOREIGN KEY (device_id) REFERENCES twofa_devices (id) ON DELETE CASCADE,
    CONSTRAINT twofa_steps_step_check CHECK (step >= 0)
);
