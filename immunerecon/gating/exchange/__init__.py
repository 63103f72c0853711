"""Gates that go to other programs and come from them: Gating-ML 2.0, FlowJo workspaces."""
