import { Button, Modal } from '@grafana/ui';
import React, { type ReactNode } from 'react';

interface Props {
  isOpen: boolean;
  title: string;
  children: ReactNode;
  confirmText: string;
  dismissText?: string;
  /** What is confirmed loses something. */
  destructive?: boolean;
  onConfirm: () => void;
  onDismiss: () => void;
}

/** Asks before something is done that cannot be taken back. */
export function Confirm(props: Props) {
  const { isOpen, title, children, confirmText, dismissText = 'Cancel', destructive, onConfirm, onDismiss } = props;
  return (
    <Modal isOpen={isOpen} title={title} onDismiss={onDismiss}>
      {children}
      <Modal.ButtonRow>
        <Button variant="secondary" fill="outline" onClick={onDismiss}>
          {dismissText}
        </Button>
        <Button variant={destructive ? 'destructive' : 'primary'} onClick={onConfirm}>
          {confirmText}
        </Button>
      </Modal.ButtonRow>
    </Modal>
  );
}
