"""One file per section of the report: each turns stored results into a `SectionContent`."""
