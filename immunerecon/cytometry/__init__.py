"""Bytes to comparable events of one tube: FCS, spillover, display scales, quality."""
