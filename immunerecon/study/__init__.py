"""Study folder to validated tables: manifest, panels, HLA."""
